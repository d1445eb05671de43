#!/usr/bin/env bash
# A command inside a running process: it has that process's environment, files and user, no more rights, ends with its own exit code, with its
# client and with the process; what it leaves running goes with it, and the process serves on.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

start_server
deploy_web_app hello one
fairlead config:set -a hello GREETING='good day' >/dev/null

note "over the machine's own door"
# shellcheck disable=SC2016 # for the shell in the container
run_code fairlead ps:exec web.1 -a hello sh -c 'echo "$GREETING $DYNO $PORT $HOME $PWD $(id -u) $1"; exit 3' name word
assert_eq "$output" "good day web.1 5000 /app /app 1000 word" "what it printed"
assert_eq "$status" 3 "its exit code"
status_of() { fairlead ps:exec web.1 -a hello grep "^$1:" /proc/self/status | tr -d '\t'; }
assert_eq "$(status_of NoNewPrivs)" NoNewPrivs:1
assert_eq "$(status_of CapBnd)" CapBnd:0000000000000000
assert_eq "$(status_of Seccomp)" Seccomp:2
assert_contains "$(fairlead ps:exec web.1 -a hello cat /proc/1/cmdline | tr '\0' ' ')" "/fairlead/start" "it is in the process's container"
fairlead ps:exec web.1 -a hello sh -c 'echo kept >/tmp/note'
assert_eq "$(fairlead ps:exec web.1 -a hello cat /tmp/note)" kept "a file of an earlier one"
run_code fairlead ps:exec --timeout 1 web.1 -a hello sleep 100
assert_eq "$status" 124 "after its time"
assert_contains "$output" "run_timeout_s" "what is said"
refused 1 fairlead ps:exec web.7 -a hello true
assert_contains "$refusal" 'no process "web.7"' "an unknown process"
refused 2 fairlead ps:exec -a hello
refused any fairlead ps:exec web.1 -a hello no-such-program

note "streams over SSH"
head -c 3000000 /dev/urandom >"$work/tmp/random"
ssh_git ps:exec web.1 -a hello cat <"$work/tmp/random" >"$work/tmp/back"
cmp "$work/tmp/random" "$work/tmp/back" || fail "the bytes are others"
run_code ssh_git ps:exec web.1 -a hello sh -c "'exit 7'" </dev/null
assert_eq "$status" 7 "its exit code over SSH"

note "a terminal over SSH"
TERM=xterm python3 "$ROOT/tests/integration/support/terminal_session.py" ssh -tt -F "$HOME/.ssh/config" -p "$ssh_port" git@localhost ps:exec web.1 -a hello bash --norc || fail "the terminal"
note "a terminal by the program, with the shell that is the default"
TERM=xterm python3 "$ROOT/tests/integration/support/terminal_session.py" "$FAIRLEAD" --data "$data" ps:exec web.1 -a hello || fail "the shell"

note "over HTTP, with a token"
token=$(fairlead tokens:create laptop --json | jq -r .token)
assert_eq "$(FAIRLEAD_URL=http://$http_address FAIRLEAD_TOKEN=$token "$FAIRLEAD" ps:exec web.1 -a hello tr a-z A-Z <<<word)" WORD "over HTTP"

inside() { fairlead ps:exec web.1 -a hello sh -c 'cat /proc/[0-9]*/cmdline' | tr '\0' ' '; }
note "it is ended with its client, and with what it started"
ssh -F "$HOME/.ssh/config" -p "$ssh_port" git@localhost ps:exec web.1 -a hello sh -c "'sleep 4001 & setsid sleep 4002 & sleep 4003'" </dev/null &
client=$!
runs() { [[ $(inside) == *"$1"* ]]; }
wait_until 20 "it runs" runs "sleep 4003"
kill "$client"
gone() { [[ $(inside) != *"sleep 400"* ]]; }
wait_until 20 "it is gone" gone
wait "$client" 2>/dev/null || true
note "what it leaves running is ended, too"
fairlead ps:exec web.1 -a hello sh -c 'sleep 4004 & echo begun' >/dev/null
gone || fail "it runs on"

note "inside a one-off process"
fairlead run --detached -a hello sleep 1000 >/dev/null
in_run() { [[ $(fairlead ps:exec run.1 -a hello printenv DYNO 2>/dev/null) == run.1 ]]; }
wait_until 20 "a command in run.1" in_run
fairlead run:stop run.1 -a hello >/dev/null

note "a process that is replaced ends what is in it"
fairlead ps:exec web.1 -a hello sleep 1000 >"$work/tmp/said" 2>&1 &
client=$!
wait_until 20 "it runs" runs "sleep 1000"
fairlead ps:restart -a hello >/dev/null
status=0
wait "$client" || status=$?
((status == 143 || status == 137)) || fail "it should have ended by the process's SIGTERM or with its container: $status"
assert_contains "$(cat "$work/tmp/said")" "was ended with web.1" "what is said"

assert_contains "$(page hello)" "page=one" "the app serves"
log=$(fairlead logs -a hello -n 500)
assert_contains "$log" "ps:exec in web.1 started by admin: sleep 1000" "the log"
assert_contains "$log" "ps:exec in web.1 exited with status 3" "the log"

note "one that a killed server left is ended by the next"
fairlead ps:exec web.1 -a hello sleep 4005 >/dev/null 2>&1 &
client=$!
wait_until 20 "it runs" runs "sleep 4005"
kill9_server
wait "$client" 2>/dev/null || true
start_server
gone || fail "it is still there"
assert_eq "$(ls "$data/run/containers/execs" 2>/dev/null)" "" "its files"
