#!/usr/bin/env bash
# Pushes while a build of the same app runs: they wait with their place said, a newer waiting one takes an older one's place, the same commit
# attaches, what was deployed meanwhile is gone on from or "fetch first". The push options detach, cancel-running, message and buildpack, and
# builds:create, which builds the deployed commit again.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

# Builds wait until the test lets them: their /tmp is a folder of the server's.
# shellcheck disable=SC2016 # for the buildpack's shell
make_buildpack gated 'echo "-----> Gate $(cat "$1/page.txt")"; for i in $(seq 600); do [ ! -f "$3/GATE" ] || [ -e /tmp/go ] && exit 0; sleep 0.1; done; exit 1'
gate_open() {
  local folder
  touch "$work/open"
  while [[ -e $work/open ]]; do
    for folder in "$data"/run/builds/hello-b*/tmp; do
      if [[ -d $folder ]]; then touch "$folder/go"; fi
    done
    sleep 0.1
  done &
}
gate_shut() { rm -f "$work/open"; }
story_cleanup() { gate_shut; }

build_field() { fairlead builds -a hello --json | jq -r ".[] | select(.number == $1) | .$2"; }
build_is() { [[ $(build_field "$1" state) == "$2" ]]; }
at_gate() { fairlead builds:output "$1" -a hello 2>/dev/null | grep -q -e '-----> Gate'; }
says() { grep -q -e "$2" "$work/$1.log"; }

# start_push NAME [ARGUMENTS]: in the background; its words go to NAME.log, its pid to $push_pid.
start_push() {
  local name=$1
  shift
  git -C "$work/hello" push "$@" fairlead HEAD:main >"$work/$name.log" 2>&1 </dev/null &
  push_pid=$!
}
# ended STATUS PID NAME
ended() {
  local status=0
  wait "$2" || status=$?
  assert_eq "$status" "$1" "exit status of the push $3 ($(cat "$work/$3.log"))"
}
next_commit() {
  write_web_app hello "$1"
  commit hello "$1"
}

start_server
new_app hello
fairlead config:set -a hello BUILDPACK_URL=gated GATE=1 >/dev/null

note "one builds, a second waits, a third takes the second's place, and goes on from what was deployed meanwhile"
next_commit one
start_push one
one=$push_pid
wait_until 30 "build 1 runs" at_gate 1
assert_contains "$(cat "$work/one.log")" "Ctrl-C cancels it" "what the pusher is told first"
next_commit two
start_push two
two=$push_pid
wait_until 30 "the second push waits" says two "Waiting: 1 build is before this one"
next_commit three
start_push three
three=$push_pid
ended 1 "$two" two
assert_contains "$(cat "$work/two.log")" "a newer push took its place" "what the replaced pusher saw"
gate_open
ended 0 "$one" one
ended 0 "$three" three
assert_eq "$(deployed_commit hello)" "$(git -C "$work/hello" rev-parse HEAD)" "deployed commit"
assert_eq "$(git -C "$work/hello" rev-parse fairlead/main)" "$(git -C "$work/hello" rev-parse HEAD)" "what the pusher's own repository takes for deployed"
assert_contains "$(page hello)" "page=three" "page"
assert_eq "$(fairlead releases -a hello --json | jq -r '.[0].description')" "Deploy $(git -C "$work/hello" rev-parse HEAD | cut -c1-8)" "description"

note "the same commit again attaches; another history must fetch first"
gate_shut
next_commit four
start_push four -o message="The fourth one"
four=$push_pid
wait_until 30 "build 4 runs" at_gate 4
start_push again
again=$push_pid
wait_until 30 "the second pusher follows the same build" says again "being built already (build 4)"
wait_until 30 "and sees its log from the start" says again "Gate four"
git -C "$work/hello" checkout -q -b other HEAD~1
next_commit elsewhere
start_push elsewhere
elsewhere=$push_pid
wait_until 30 "the other history waits" says elsewhere "Waiting: 1 build"
gate_open
ended 0 "$four" four
ended 0 "$again" again
ended 1 "$elsewhere" elsewhere
assert_contains "$(cat "$work/elsewhere.log")" "fetch first" "what the other pusher saw"
assert_contains "$(page hello)" "page=four" "page"
assert_eq "$(fairlead releases -a hello --json | jq -r '.[0].description')" "The fourth one" "description"
git -C "$work/hello" checkout -q -

note "cancel-running ends the running build"
gate_shut
git -C "$work/hello" reset -q --hard fairlead/main
next_commit five
start_push five
five=$push_pid
wait_until 30 "build 6 runs" at_gate 6
next_commit six
start_push six -o cancel-running
six=$push_pid
ended 1 "$five" five
assert_contains "$(cat "$work/five.log")" "cancel-running" "what the cancelled pusher saw"
gate_open
ended 0 "$six" six
assert_contains "$(page hello)" "page=six" "page"

note "detach returns at once and says nothing false"
gate_shut
before=$(deployed_commit hello)
next_commit seven
push hello -o detach HEAD:main
assert_contains "$transcript" "Build 8 is queued; follow it with: builds:output 8 --follow -a hello" "transcript"
assert_eq "$(deployed_commit hello)" "$before" "deployed commit"
assert_eq "$(git -C "$work/hello" rev-parse fairlead/main)" "$before" "what the pusher's own repository takes for deployed"
gate_open
assert_contains "$(ssh_git builds:output 8 --follow -a hello)" "Released v" "the log, followed over SSH"
wait_until 30 "build 8 is released" build_is 8 succeeded
assert_contains "$(page hello)" "page=seven" "page"

note "builds:create builds the deployed commit again; buildpack= counts for one build"
fairlead config:set -a hello PLAIN=1 >/dev/null
before=$(current_version hello)
assert_contains "$(fairlead builds:create -a hello --message "Again, please")" "Released v$((before + 1))" "what builds:create prints"
assert_eq "$(fairlead releases -a hello --json | jq -r '.[0].description')" "Again, please" "description"
make_buildpack other 'echo "-----> The other buildpack"'
assert_contains "$(ssh_git builds:create -a hello --buildpack other)" "The other buildpack" "what builds:create prints"
assert_contains "$(ssh_git builds:create -a hello)" "Gate seven" "what builds:create prints"
new_app empty
refused 1 fairlead builds:create -a empty
assert_contains "$refusal" "nothing was pushed to empty yet" "refusal"

note "another history by force, unless the app refuses that"
git -C "$work/hello" checkout -q --orphan fresh
next_commit fresh
fairlead features:enable refuse-non-fast-forward -a hello >/dev/null
assert_eq "$(fairlead features -a hello --json | jq -r '.[] | select(.enabled) | .name')" refuse-non-fast-forward "enabled features"
refused any git -C "$work/hello" push --force fairlead HEAD:main
assert_contains "$refusal" "takes only what descends from what is deployed" "refusal"
fairlead features:disable refuse-non-fast-forward -a hello >/dev/null
fairlead config:unset GATE -a hello >/dev/null
push hello --force HEAD:main
assert_contains "$(page hello)" "page=fresh" "page"
refused 1 fairlead features:enable warp-drive -a hello

note "unknown options are refused with the list"
next_commit eight
refused any git -C "$work/hello" push -o skip-tests fairlead HEAD:main
assert_contains "$refusal" 'push option "skip-tests" is not known: use no-cache, detach' "refusal"
assert_no_build_files hello

note "an app may say cancel-running for all of its pushes"
git -C "$work/hello" reset -q --hard fairlead/main
fairlead config:set GATE=1 -a hello >/dev/null
fairlead features:enable cancel-running -a hello >/dev/null
gate_shut
next_commit nine
start_push nine
nine=$push_pid
newest_at_gate() { at_gate "$(fairlead builds -a hello --json | jq '.[0].number')"; }
wait_until 30 "the build runs" newest_at_gate
next_commit ten
start_push ten
ten=$push_pid
ended 1 "$nine" nine
assert_contains "$(cat "$work/nine.log")" "a newer push takes its place (cancel-running)" "what the cancelled pusher saw"
gate_open
ended 0 "$ten" ten
assert_contains "$(page hello)" "page=ten" "page"
