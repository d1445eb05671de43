#!/usr/bin/env bash
# What becomes of a build when its pusher goes away, with silent, chatty and flood builds: a killed client and Ctrl-C cancel it, a frozen
# client does not hold it up, and once it launches it is finished whoever leaves. A cancelled build leaves nothing after 2 s: no process, no
# container, no quarantine, no lock; the ref says what it said.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

# shellcheck disable=SC2016 # for the buildpack's shell
make_buildpack noisy '
mode=$(cat "$3/MODE"); end=$((SECONDS + $(cat "$3/LENGTH")))
echo "-----> Mode $mode"
while ((SECONDS < end)); do
  case $mode in
    silent) sleep 0.2 ;;
    chatty) echo "line at $SECONDS"; sleep 0.5 ;;
    flood) yes 0123456789012345678901234567890123456789 | head -c 300000; sleep 0.2 ;;
  esac
done
echo "-----> Over"'

newest_build() { fairlead builds -a hello --json | jq -r ".[0].$1"; }
build_is() { [[ $(newest_build state) == "$1" ]]; }
building() { [[ $(newest_build number) == "$pushed" && $(fairlead builds:output -a hello 2>/dev/null | head -c 2000 || true) == *"$1"* ]]; }
serves() { [[ $(page hello 2>/dev/null) == *"$1"* ]]; }
deployed() { [[ $(deployed_commit hello) == "$1" ]]; }
left_of_build() {
  build_files hello
  find "$data/run/containers" -mindepth 1 -name 'hello-b*'
  processes_of_data | grep -e 'hello-b[0-9]' || true
  find "$data/repos/hello.git" -name '*.lock'
}
nothing_is_left() { [[ -z $(left_of_build) ]]; }

# start_push MODE LENGTH_S: of a new commit, in a session of its own as in a terminal, until the build runs.
start_push() {
  fairlead config:set -a hello "MODE=$1" "LENGTH=$2" >/dev/null
  pushed=$((pushed + 1))
  write_web_app hello "page $pushed"
  commit hello "Commit $pushed, $1"
  before=$(deployed_commit hello)
  env --default-signal=INT setsid git -C "$work/hello" push fairlead HEAD:main >"$work/push.log" 2>&1 </dev/null &
  push_pid=$!
  wait_until 30 "the $1 build runs" building "Mode $1"
}

# cancelled_by EVENT
cancelled_by() {
  local from=$SECONDS
  wait_until 3 "the build is cancelled after $1" build_is cancelled
  note "cancelled within $((SECONDS - from)) s"
  wait_until 3 "nothing is left after $1" nothing_is_left
  assert_eq "$(deployed_commit hello)" "$before" "deployed commit after $1"
  assert_contains "$(newest_build failure)" "the pusher went away" "why it was cancelled"
}

pushed=0
start_server
new_app hello
fairlead config:set -a hello BUILDPACK_URL=noisy >/dev/null

for mode in silent chatty flood; do
  note "$mode: Ctrl-C"
  start_push "$mode" 120
  kill -INT -- "-$push_pid"
  wait "$push_pid" && fail "the interrupted push succeeded"
  cancelled_by "Ctrl-C"

  note "$mode: killed"
  start_push "$mode" 120
  kill -KILL -- "-$push_pid"
  wait "$push_pid" && fail "the killed push succeeded"
  cancelled_by "kill -9"

  note "$mode: frozen"
  start_push "$mode" 3
  kill -STOP -- "-$push_pid"
  wait_until 30 "the build ends while its client is frozen" build_is succeeded
  wait_until 15 "its page is served while its client is frozen" serves "page=page $pushed"
  kill -CONT -- "-$push_pid"
  wait "$push_pid" || fail "the frozen push failed: $(cat "$work/push.log")"
  assert_contains "$(cat "$work/push.log")" "deployed to Fairlead" "what the frozen pusher saw in the end"
done

note "leaving after \"Launching...\""
start_push silent 0
printf 'web: sleep 2; ./web\n' >"$work/hello/Procfile"
commit hello "A slow start"
env --default-signal=INT setsid git -C "$work/hello" push fairlead HEAD:main >"$work/late.log" 2>&1 </dev/null &
late_pid=$!
wait "$push_pid" || fail "the push before failed: $(cat "$work/push.log")"
wait_until 30 "it launches" grep -q -e "Launching" "$work/late.log"
kill -KILL -- "-$late_pid"
wait "$late_pid" && fail "the killed push succeeded"
wait_until 30 "the launch ends well" deployed "$(git -C "$work/hello" rev-parse HEAD)"
build_is succeeded || fail "the build is $(newest_build state)"
wait_until 3 "nothing is left of the build" nothing_is_left
