#!/usr/bin/env bash
# The heroku command line from npm, as it is, drives this server. What works and what does not is the table in docs/api.md.
# Needs node 20 or newer; the program is fetched once and kept beside the template.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

heroku_version=11
programs=$TEMPLATE-programs

install_heroku() {
  local major
  major=$(node -p "process.versions.node.split(\".\")[0]" 2>/dev/null) || major=0
  ((major >= 20)) || skip "node 20 or newer is not here"
  [[ ! -x $programs/heroku/node_modules/.bin/heroku ]] || return 0
  rm -rf "$programs/heroku.new"
  mkdir -p "$programs/heroku.new"
  npm install --silent --no-fund --no-audit --prefix "$programs/heroku.new" "heroku@$heroku_version" >"$work/npm.log" 2>&1 ||
    skip "the heroku program could not be had from npm: $(tail -n 1 "$work/npm.log")"
  rm -rf "$programs/heroku"
  mv "$programs/heroku.new" "$programs/heroku"
}

# heroku WORDS...: what it says, on both streams, without colours.
heroku() {
  (cd "$work/tree" && NO_COLOR=1 HEROKU_HOST=http://localhost:${http_address##*:} HEROKU_API_KEY=$token NO_PROXY=$no_proxy HEROKU_DISABLE_TELEMETRY=1 DISABLE_TELEMETRY=true \
    https_proxy='' HTTPS_PROXY='' HEROKU_SKIP_NEW_VERSION_CHECK=1 timeout "${patience:-90}" "$programs/heroku/node_modules/.bin/heroku" "$@" 2>&1 </dev/null)
}

# says TEXT WORDS...: heroku WORDS succeeds and says TEXT.
says() {
  local wanted=$1 said
  shift
  said=$(heroku "$@") || fail "heroku $* failed: $said"
  assert_contains "$said" "$wanted" "heroku $*"
  note "heroku $*: $(grep -F -m 1 -- "$wanted" <<<"$said" || echo "$wanted")"
}

# declines TEXT WORDS...: it fails and says why.
declines() {
  local wanted=$1
  shift
  refused any heroku "$@"
  refusal=$(tr -s ' \n' ' ' <<<"${refusal//›/}")  # it breaks lines where it likes
  assert_contains "$refusal" "$wanted" "heroku $*"
  note "heroku $*: refused: $wanted"
}

install_heroku
mkdir "$work/tree"
start_server
token=$(fairlead tokens:create --json | jq -r .token)

note "account and apps"
says "admin" auth:whoami
says "You have no apps" apps
says "Creating hello... done" apps:create hello
says "hello" apps
declines "is taken" apps:create hello
declines "only lowercase letters" apps:create Hello_World
declines "there is no app" apps:info -a nosuch
says "ssh://git@localhost:$ssh_port/hello.git" apps:info -a hello
assert_eq "$(heroku apps:info -a hello --json | jq -r .app.name)" hello "apps:info --json"

note "config vars, before the first push"
says "done, v2" config:set FOO=bar "GREETING=two words" -a hello
says "two words" config -a hello
assert_eq "$(heroku config:get FOO -a hello)" bar "config:get"
says "done, v3" config:unset FOO -a hello
assert_eq "$(heroku config:get FOO -a hello)" "" "config:get of what is not set"

note "a deploy, and what is seen of it"
new_repository hello
write_web_app hello one
commit hello "First"
push hello
says "v4" releases -a hello
says "Deploy $(git -C "$work/hello" rev-parse HEAD | cut -c1-7)" releases:info -a hello
says "GREETING: two words" releases:info v4 -a hello
says "has no release output" releases:output -a hello

note "processes"
says "web.1: up" ps -a hello
says "web=1:Standard worker=0:Standard" ps:scale -a hello
says "now running worker at 1:Standard" ps:scale worker=1 -a hello
says "worker at 2:Standard" ps:scale worker+1 -a hello
says "worker.2: up" ps -a hello
declines "there is no process type" ps:scale nosuch=1 -a hello
declines "there is no size" ps:scale web=1:Performance-M -a hello
says "Restarting" ps:restart -a hello
says "Restarting" ps:restart worker.1 -a hello
says "Restarting" ps:restart --process-type worker -a hello
assert_contains "$(page hello)" "page=one" "page"

note "logs"
says "fairlead[" logs -a hello -n 50
says "app[web.1]" logs -a hello --dyno-name web.1 -n 50
patience=30 heroku logs --tail -a hello -n 5 >"$work/tail.log" &
tailing=$!
wait_until 30 "the tail has begun" test -s "$work/tail.log"
fairlead config:set SEEN=in-the-tail -a hello >/dev/null
wait_until 20 "the tail goes on" grep -q "Set SEEN config vars" "$work/tail.log"
wait "$tailing" || true  # its time is over

note "going back"
says "done, v6" rollback v4 -a hello
says "Rollback to v4" releases -a hello
declines "has no slug" rollback v1 -a hello

note "buildpacks"
says "has no Buildpacks" buildpacks -a hello
says "https://example.com/pack.git" buildpacks:set https://example.com/pack.git -a hello
says "https://example.com/other.git" buildpacks:add https://example.com/other.git -a hello
says "1. https://example.com/pack.git" buildpacks -a hello
says "Buildpack removed" buildpacks:remove https://example.com/other.git -a hello
says "Buildpacks cleared" buildpacks:clear -a hello

note "keys"
ssh-keygen -q -t ed25519 -N '' -C second@test -f "$work/second"
says "Uploading" keys:add "$work/second.pub"
says "second@test" keys
says "Removing second@test" keys:remove second@test
assert_lacks "$(heroku keys)" "second@test" "keys"

note "another name: repository, images, route, logs and releases go along"
digest=$(fairlead releases:info -a hello --json | jq -r .image_digest)
says "http://bonjour.localhost" apps:rename bonjour -a hello
declines "there is no app" apps:info -a hello
assert_contains "$(page bonjour)" "page=one" "page"
assert_eq "$(page_status hello)" 404 "the old name's page"
assert_eq "$(deployed_commit bonjour)" "$(git -C "$work/hello" rev-parse HEAD)" "deployed commit"
assert_eq "$(curl -sS -o /dev/null -w '%{http_code}' "http://$http_address/v2/bonjour/manifests/$digest")" 200 "image"
assert_eq "$(curl -sS -o /dev/null -w '%{http_code}' "http://$http_address/v2/hello/manifests/$digest")" 404 "image under the old name"
says "renamed from hello" logs -a bonjour -n 200
git -C "$work/hello" remote set-url fairlead "ssh://git@localhost:$ssh_port/bonjour.git"
printf two >"$work/hello/page.txt"
commit hello "Second"
push hello
assert_contains "$(page bonjour)" "page=two" "page"
says "Creating hello... done" apps:create hello
declines "is taken" apps:rename hello -a bonjour
says "Destroying hello" apps:destroy -a hello --confirm hello

note "the end of an app"
declines "did not match" apps:destroy -a bonjour --confirm other
says "Destroying bonjour" apps:destroy -a bonjour --confirm bonjour
says "You have no apps" apps
