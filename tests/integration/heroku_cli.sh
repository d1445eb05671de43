#!/usr/bin/env bash
# The heroku command line from npm, as it is, drives this server. What works and what does not is the table in docs/api.md.
# Needs node 20 or newer; the program is fetched once and kept beside the template.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/integration/support/heroku.sh
. "$ROOT/tests/integration/support/heroku.sh"

# beside CHECK...: in the background, since starting the program is most of the time; at most four at once. settle waits for all.
checks=()
beside() {
  ((${#checks[@]} < 4)) || settle_first
  "$@" &
  checks+=($!)
}
settle_first() {
  wait "${checks[0]}" || fail "a check in the background failed: see above"
  checks=("${checks[@]:1}")
}
settle() { while ((${#checks[@]} > 0)); do settle_first; done; }

install_heroku
mkdir "$work/tree"
start_server
use_heroku
fairlead users:create bob >/dev/null

keys_come_and_go() {
  ssh-keygen -q -t ed25519 -N '' -C second@test -f "$work/second"
  says "Uploading" keys:add "$work/second.pub"
  says "second@test" keys
  says "Removing second@test" keys:remove second@test
  hides "second@test" keys
}
domains_come_and_go() {
  says "DNS Target hello.localhost" domains:add www.example.com -a hello
  says "www.example.com" domains -a hello
  says "hello.localhost" domains -a hello
  says "www.example.com" domains:info www.example.com -a hello
  declines "of this app already" domains:add www.example.com -a hello
  says "Removing www.example.com" domains:remove www.example.com -a hello
  hides "www.example.com" domains -a hello
}
drains_come_and_go() {
  local url=https://user:sesame@logs.example.com/in
  says "Successfully added drain https://" drains:add "$url" -a hello
  says "logs.example.com" drains -a hello
  hides "sesame" drains -a hello
  says "Successfully removed drain" drains:remove "$url" -a hello
  declines "a drain is syslog" drains:add ftp://logs.example.com -a hello
}
access_comes_and_goes() {
  says "Adding bob access" access:add bob -a hello
  says "collaborator" access -a hello
  declines "there is no user" access:add nobody -a hello
  says "Removing bob access" access:remove bob -a hello
  hides "bob" access -a hello
}
buildpacks_come_and_go() {
  says "has no Buildpacks" buildpacks -a hello
  says "https://example.com/pack.git" buildpacks:set https://example.com/pack.git -a hello
  says "https://example.com/other.git" buildpacks:add https://example.com/other.git -a hello
  says "1. https://example.com/pack.git" buildpacks -a hello
  says "Buildpack removed" buildpacks:remove https://example.com/other.git -a hello
  says "Buildpacks cleared" buildpacks:clear -a hello
}

note "account and apps"
says "admin" auth:whoami  # alone: the first one writes git's configuration
says "You have no apps" apps
says "Creating hello... done" apps:create hello
beside says "hello" apps
beside declines "is taken" apps:create hello
beside declines "only lowercase letters" apps:create Hello_World
beside declines "there is no app" apps:info -a nosuch
beside says "ssh://git@localhost:$ssh_port/hello.git" apps:info -a hello
beside says '"name": "hello"' apps:info -a hello --json
beside keys_come_and_go

note "config vars, before the first push"
says "done, v2" config:set FOO=bar "GREETING=two words" -a hello
beside says "two words" config -a hello
beside prints bar config:get FOO -a hello
settle
says "done, v3" config:unset FOO -a hello
beside prints "" config:get FOO -a hello

note "the remote, by a setting of git that turns the program's URL into ours; from then on it finds the app by itself"
git init -q "$work/tree"
git config --global url."ssh://git@localhost:$ssh_port/".insteadOf "https://localhost:$ssh_port/"
says "ssh://git@localhost:$ssh_port/hello.git" git:remote -a hello
beside says "two words" config

note "a deploy with a release command, and what is seen of it; beside it what needs no process"
beside domains_come_and_go
beside drains_come_and_go
beside access_comes_and_goes
new_repository hello
write_web_app hello one
# shellcheck disable=SC2016  # the app's shell is to expand it
printf 'release: echo "migrated for $GREETING"\n' >>"$work/hello/Procfile"
commit hello "First"
push hello
assert_contains "$transcript" "migrated for" "what the push showed"
settle
beside says "v4" releases -a hello
beside says "Deploy $(git -C "$work/hello" rev-parse HEAD | cut -c1-7)" releases:info -a hello
beside says "GREETING: two words" releases:info v4 -a hello
beside says "migrated for" releases:output -a hello
beside says "has no release output" releases:output v2 -a hello
beside buildpacks_come_and_go

note "processes"
beside says "web.1: up" ps -a hello
beside says "web=1:Standard worker=0:Standard" ps:scale -a hello
beside declines "there is no process type" ps:scale nosuch=1 -a hello
beside declines "cannot be scaled" ps:scale release=1 -a hello
beside declines "there is no size" ps:scale web=1:Performance-M -a hello
settle
says "now running worker at 1:Standard" ps:scale worker=1 -a hello
says "worker at 2:Standard" ps:scale worker+1 -a hello
beside says "worker.2: up" ps -a hello
beside says "Restarting" ps:restart worker.1 -a hello
settle
says "Stopping dyno worker.2" ps:stop --dyno-name worker.2 -a hello
worker_2_is_there() { [[ $(process_names hello) == *worker.2* ]]; }
worker_2_is_gone() { ! worker_2_is_there; }
wait_until 20 "worker.2 is gone" worker_2_is_gone
says "Restarting" ps:restart --process-type worker -a hello
wait_until 20 "worker.2 is back" worker_2_is_there
says "Restarting" ps:restart -a hello
assert_contains "$(page hello)" "page=one" "page"

note "one-off processes"
# shellcheck disable=SC2016
beside says "to view the output" run:detached 'echo $GREETING | tr a-z A-Z' -a hello
beside says "to view the output" run:detached --env A=b 'sleep 300' -a hello
settle
one_off() { fairlead ps -a hello --json | jq -r '.[] | select(.type == "run").name'; }
one_is_left() { (($(one_off | wc -l) == 1)); }
wait_until 20 "the short one has ended" one_is_left
says "Stopping dyno" ps:stop --dyno-name "$(one_off)" -a hello
no_one_off() { [[ -z $(one_off) ]]; }
wait_until 20 "it has ended" no_one_off

note "maintenance"
says "Enabling maintenance mode" maintenance:on -a hello
beside says "on" maintenance -a hello
assert_eq "$(page_status hello)" 503 "the page in maintenance"
settle
says "Disabling maintenance mode" maintenance:off -a hello
assert_contains "$(page hello)" "page=one" "page"

note "logs"
beside says "fairlead[" logs -a hello -n 50
beside says "app[web.1]" logs -a hello --dyno-name web.1 -n 50
beside says "TWO WORDS" logs -a hello --process-type run -n 50
patience=30 heroku logs --tail -a hello -n 5 >"$work/tail.log" &
tailing=$!
wait_until 30 "the tail has begun" test -s "$work/tail.log"
fairlead config:set SEEN=in-the-tail -a hello >/dev/null
wait_until 20 "the tail goes on" grep -q "Set SEEN config vars" "$work/tail.log"
settle

note "going back"
says "done, v6" rollback v4 -a hello
beside says "Rollback to v4" releases -a hello
beside declines "has no slug" rollback v1 -a hello
settle

note "another name: repository, images, route, logs and releases go along"
digest=$(fairlead releases:info -a hello --json | jq -r .image_digest)
says "http://bonjour.localhost" apps:rename bonjour -a hello
beside declines "there is no app" apps:info -a hello
beside says "renamed from hello" logs -a bonjour -n 200
beside says "migrated for" releases:output v4 -a bonjour
assert_contains "$(page bonjour)" "page=one" "page"
assert_eq "$(page_status hello)" 404 "the old name's page"
assert_eq "$(deployed_commit bonjour)" "$(git -C "$work/hello" rev-parse HEAD)" "deployed commit"
assert_eq "$(curl -sS -o /dev/null -w '%{http_code}' "http://$http_address/v2/bonjour/manifests/$digest")" 200 "image"
assert_eq "$(curl -sS -o /dev/null -w '%{http_code}' "http://$http_address/v2/hello/manifests/$digest")" 404 "image under the old name"
git -C "$work/hello" remote set-url fairlead "ssh://git@localhost:$ssh_port/bonjour.git"
printf two >"$work/hello/page.txt"
commit hello "Second"
push hello
assert_contains "$(page bonjour)" "page=two" "page"
settle
says "Creating hello... done" apps:create hello
declines "is taken" apps:rename hello -a bonjour

note "the end of apps"
beside says "Destroying hello" apps:destroy -a hello --confirm hello
beside declines "did not match" apps:destroy -a bonjour --confirm other
settle
says "Destroying bonjour" apps:destroy -a bonjour --confirm bonjour
says "You have no apps" apps
wait "$tailing" || true  # its time is over
