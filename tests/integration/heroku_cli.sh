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
    https_proxy='' HTTPS_PROXY='' HEROKU_SKIP_NEW_VERSION_CHECK=1 timeout 90 "$programs/heroku/node_modules/.bin/heroku" "$@" 2>&1 </dev/null)
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
declines "lower-case" apps:create Hello_World
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

note "the end of an app"
declines "did not match" apps:destroy -a hello --confirm other
says "Destroying hello" apps:destroy -a hello --confirm hello
says "You have no apps" apps
