#!/usr/bin/env bash
# A pusher's Ctrl-C cancels the build: nothing changes, nothing is left, the next push works at once. `builds:cancel` does the same.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

# shellcheck disable=SC2016 # for the buildpack's shell
make_buildpack slow '[ ! -f "$3/WAIT" ] || { echo "-----> Waiting"; sleep 120; }'

newest_build() { fairlead builds -a hello --json | jq -r ".[0].$1"; }
build_waits() { [[ $(newest_build number) == "$1" && $(fairlead builds:output -a hello 2>/dev/null) == *"-----> Waiting"* ]]; }
nothing_is_left() {
  [[ -z $(build_files hello) && -z $(find "$data/run/containers" -mindepth 1) ]]
}
build_is() { [[ $(newest_build state) == "$1" ]]; }

# In a session of its own, with SIGINT at its default, as in a terminal.
push_in_background() {
  env --default-signal=INT setsid git -C "$work/hello" push fairlead HEAD:main >"$work/push.log" 2>&1 </dev/null &
  push_pid=$!
}

start_server
new_app hello
fairlead config:set -a hello BUILDPACK_URL=slow WAIT=1 >/dev/null
write_web_app hello one
commit hello "First"

note "Ctrl-C"
push_in_background
wait_until 30 "the compile runs" build_waits 1
kill -INT -- "-$push_pid"
status=0
wait "$push_pid" || status=$?
((status != 0)) || fail "the interrupted push succeeded"
wait_until 15 "the build is cancelled" build_is cancelled
assert_eq "$(deployed_commit hello)" none "deployed commit"
wait_until 15 "the build's container is gone" nothing_is_left
assert_lacks "$(processes_of_data)" "sleep 120" "processes"

note "builds:cancel, while the pusher watches"
push_in_background
wait_until 30 "the compile runs" build_waits 2
fairlead builds:cancel -a hello
status=0
wait "$push_pid" || status=$?
((status != 0)) || fail "the cancelled push succeeded"
assert_contains "$(cat "$work/push.log")" "cancelled" "what the pusher saw"
assert_eq "$(newest_build state)" cancelled "state"
refused 1 fairlead builds:cancel -a hello

note "the next push works at once"
fairlead config:unset -a hello WAIT >/dev/null
push hello
assert_contains "$(page hello)" "page=one" "page"
