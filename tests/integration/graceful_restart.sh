#!/usr/bin/env bash
# SIGTERM while pushes are under way: one that can be finished within ssh_drain_s is, one that cannot is told and cancelled, a detached build
# is cancelled and says so, and the app serves all the while. The next daemon can be started at once, and has nothing to mend.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

# shellcheck disable=SC2016 # for the buildpack's shell
make_buildpack slow 'if [ -f "$3/WAIT" ]; then echo "-----> Waiting"; sleep "$(cat "$3/WAIT")"; fi'

waits() { [[ $(fairlead builds:output -a hello 2>/dev/null || true) == *"-----> Waiting"* && $(newest_build state) == building ]]; }
newest_build() { fairlead builds -a hello --json | jq -r ".[0].$1"; }
port_is_closed() { ! (: <"/dev/tcp/127.0.0.1/$ssh_port") 2>/dev/null; }

# start_push SECONDS ARGUMENTS...: of a new commit, whose build waits so long.
start_push() {
  fairlead config:set -a hello "WAIT=$1" >/dev/null
  shift
  pushed=$((pushed + 1))
  write_web_app hello "page $pushed"
  commit hello "Commit $pushed"
  before=$(deployed_commit hello)
  git -C "$work/hello" push fairlead "$@" HEAD:main >"$work/push.log" 2>&1 </dev/null &
  push_pid=$!
  wait_until 30 "the build runs" waits
}

pushed=0
echo "ssh_drain_s = 20" >>"$work/fairlead.conf"
start_server
deploy_web_app hello zero
fairlead config:set -a hello BUILDPACK_URL=slow >/dev/null

note "a push that ends in time is deployed by the daemon that received it, and the port is closed meanwhile"
start_push 4
kill -TERM "$server_pid"
wait_until 3 "the port is closed" port_is_closed
refused 1 "$FAIRLEAD" serve --data "$data" --ssh-listen 127.0.0.1:0 --http-listen 127.0.0.1:0 --router-listen 127.0.0.1:0
assert_contains "$refusal" "already" "what a second daemon says meanwhile"
assert_contains "$(page hello)" "page=zero" "page meanwhile"
wait "$push_pid" || fail "the push failed: $(cat "$work/push.log")"
assert_contains "$(cat "$work/push.log")" "deployed to Fairlead" "transcript"
end_of_server 10
assert_eq "$server_status" 0 "exit status of the daemon"
assert_contains "$(page hello)" "page=page 1" "page without a daemon"
start_server
assert_eq "$(deployed_commit hello)" "$(git -C "$work/hello" rev-parse HEAD)" "deployed commit"
assert_eq "$(newest_build state)" succeeded "state of the build"

note "one that does not is told, and leaves nothing"
sed -i 's/^ssh_drain_s.*/ssh_drain_s = 2/' "$work/fairlead.conf"
stop_server
start_server
start_push 120
from=$SECONDS
stop_server
((SECONDS - from <= 15)) || fail "the daemon took $((SECONDS - from)) s to end"
wait "$push_pid" && fail "the push succeeded"
assert_contains "$(cat "$work/push.log")" "remote: fairlead: the server is shutting down" "transcript"
assert_contains "$(cat "$work/push.log")" "ssh_drain_s" "transcript"
start_server
assert_eq "$(newest_build state)" cancelled "state of the build"
assert_eq "$(deployed_commit hello)" "$before" "deployed commit"
assert_no_build_files hello
assert_lacks "$(processes_of_data)" "sleep 120" "processes"
assert_contains "$(page hello)" "page=page 1" "page"

note "a detached build, whose pusher has gone home"
start_push 120 -o detach
wait "$push_pid" || fail "the detached push failed: $(cat "$work/push.log")"
from=$SECONDS
stop_server
((SECONDS - from <= 15)) || fail "the daemon took $((SECONDS - from)) s to end"
start_server
[[ $(newest_build state) =~ ^(cancelled|failed)$ ]] || fail "the detached build is $(newest_build state)"
note "it is $(newest_build state): $(newest_build failure)"
[[ $(newest_build failure) =~ (shutting down|interrupted) ]] || fail "it does not say why: $(newest_build failure)"
assert_eq "$(deployed_commit hello)" "$before" "deployed commit"
assert_no_build_files hello

note "the next push works at once"
fairlead config:unset -a hello WAIT >/dev/null
write_web_app hello last
commit hello "Last"
push hello
assert_contains "$(page hello)" "page=last" "page"
