#!/usr/bin/env bash
# kill -9 in the middle of a compile: after the restart the build is marked failed, nothing of it is left, and the next push works at once.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

# shellcheck disable=SC2016 # for the buildpack's shell
make_buildpack slow '[ ! -f "$3/WAIT" ] || { echo "-----> Waiting"; sleep 120; }'

build_waits() { [[ $(fairlead builds:output -a hello 2>/dev/null) == *"-----> Waiting"* ]]; }
one_container() { [[ $(find "$data/run/containers" -mindepth 1 -maxdepth 1 | wc -l) == 1 ]]; }

start_server
new_app hello
fairlead config:set -a hello BUILDPACK_URL=slow >/dev/null
write_web_app hello one
commit hello "First"
push hello
fairlead config:set -a hello WAIT=1 >/dev/null
before=$(page hello)
version=$(current_version hello)
good=$(git -C "$work/hello" rev-parse HEAD)

note "killing the daemon while the compile runs"
write_web_app hello two
commit hello "Second"
git -C "$work/hello" push fairlead HEAD:main >"$work/push.log" 2>&1 </dev/null &
push_pid=$!
wait_until 30 "the compile runs" build_waits
kill9_server
status=0
wait "$push_pid" || status=$?
((status != 0)) || fail "the push says that it succeeded"
assert_eq "$(page hello)" "$before" "page while the daemon is dead"

note "after the restart"
start_server
assert_eq "$(fairlead builds -a hello --json | jq -r '.[0].state')" failed "state of the build"
assert_contains "$(fairlead builds -a hello --json | jq -r '.[0].failure')" interrupted "reason"
assert_eq "$(deployed_commit hello)" "$good" "deployed commit"
assert_eq "$(current_version hello)" "$version" "version"
assert_no_build_files hello
# The process that config:set replaced may still have been on its way out when the daemon was killed.
wait_until 20 "the app's own container is the only one" one_container
assert_lacks "$(processes_of_data)" "sleep 120" "processes"
assert_eq "$(page hello)" "$before" "page"

note "the next push works at once"
fairlead config:unset -a hello WAIT >/dev/null
push hello
assert_contains "$(page hello)" "page=two" "page"
