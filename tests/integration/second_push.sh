#!/usr/bin/env bash
# A second push makes v3, and nobody who asks for the page meanwhile is turned away.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

start_server
deploy_web_app hello one
assert_contains "$(page hello)" "page=one" "page"

start_load hello
write_web_app hello two
commit hello "Second"
push hello
assert_contains "$transcript" "Released v3" "transcript"
assert_contains "$(page hello)" "page=two" "page"
sleep 1.5 # the old process has gone by now, too
stop_load

assert_eq "$(current_version hello)" 3 "version"
assert_eq "$(process_names hello)" web.1 "processes"
assert_eq "$(fairlead ps -a hello --json | jq -r '.[0].release.version')" 3 "release of the process"
assert_eq "$(deployed_commit hello)" "$(git -C "$work/hello" rev-parse HEAD)" "deployed commit"

note "pushing what is there already changes nothing"
push hello
assert_contains "$transcript" "Everything up-to-date" "transcript"
assert_eq "$(current_version hello)" 3 "version"

note "history that was rewritten is refused unless forced"
git -C "$work/hello" commit -q --amend -m "Second, again"
if try_push hello HEAD:main; then fail "a push that is no fast-forward was taken"; fi
push hello +HEAD:main
assert_eq "$(current_version hello)" 4 "version"
fairlead builds:info -a hello
