#!/usr/bin/env bash
# A command runs once in the app's newest release: over SSH with a terminal or with streams, over the machine's own door, or detached. It has
# the app's environment, ends with its own exit code, is seen in ps, is ended with its client, and no deploy touches it. A detached one outlives
# restarts and kills of the server.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

printf 'run_max_sessions = 3\n' >>"$work/fairlead.conf"
start_server
fairlead apps:create empty >/dev/null
refused 1 fairlead run true -a empty
assert_contains "$refusal" "push first" "before the first deploy"
deploy_web_app hello one
fairlead config:set -a hello GREETING='good day' >/dev/null

note "over the machine's own door"
# shellcheck disable=SC2016 # for the shell in the container
run_code fairlead run -a hello sh -c 'echo "$GREETING $DYNO $HOME $PWD $1"; exit 3' name word
assert_eq "$output" "good day run.1 /app /app word" "what it printed"
assert_eq "$status" 3 "its exit code"
run_code fairlead run -a hello --env 'A=1;GREETING=other' env
assert_contains "$output" "A=1" "the environment"
assert_contains "$output" "GREETING=other" "the environment"
run_code fairlead run -a hello --timeout 1 sleep 100
assert_eq "$status" 124 "after its time"
assert_contains "$output" "run_timeout_s" "what is said"
refused 2 fairlead run -a hello
refused any fairlead run -a hello no-such-program

note "streams over SSH"
assert_eq "$(printf 'one\ntwo\n' | ssh_git run -a hello tr a-z A-Z)" $'ONE\nTWO' "what came back"
head -c 3000000 /dev/urandom >"$work/tmp/random"
ssh_git run -a hello cat <"$work/tmp/random" >"$work/tmp/back"
cmp "$work/tmp/random" "$work/tmp/back" || fail "the bytes are others"
run_code ssh_git run -a hello sh -c "'exit 7'" </dev/null
assert_eq "$status" 7 "its exit code over SSH"

note "a terminal over SSH"
TERM=xterm python3 "$ROOT/tests/integration/support/terminal_session.py" ssh -tt -F "$HOME/.ssh/config" -p "$ssh_port" git@localhost run -a hello bash --norc || fail "the terminal"

note "it is ended with its client"
ssh -F "$HOME/.ssh/config" -p "$ssh_port" git@localhost run -a hello sleep 1000 </dev/null &
client=$!
seen() { fairlead ps -a hello | grep -q 'run.1.*sleep 1000'; }
wait_until 20 "it is seen in ps" seen
note "a deploy leaves it alone"
fairlead config:set -a hello OTHER=1 >/dev/null
seen || fail "a deploy ended it"
kill "$client"
gone() { ! fairlead ps -a hello | grep -q 'run\.'; }
wait_until 20 "it is gone" gone
wait "$client" 2>/dev/null || true

note "detached"
assert_eq "$(fairlead run --detached --json -a hello sh -c 'echo from-detached $GREETING; sleep 1000' | jq -r .name)" run.1 "its name"
in_log() { fairlead logs -a hello --ps run.1 | grep -qF 'from-detached'; }
wait_until 20 "its output is in the log" in_log
fairlead run --detached -a hello sleep 1000 >/dev/null
fairlead run --detached -a hello sleep 1000 >/dev/null
refused 1 fairlead run -a hello true
assert_contains "$refusal" run_max_sessions "the refusal"
fairlead run:stop run.1 -a hello >/dev/null
fairlead run:stop run.2 -a hello >/dev/null
refused 1 fairlead run:stop run.9 -a hello
assert_contains "$(fairlead logs -a hello -n 200)" "run.1 started by admin" "the log"

note "a size of its own"
limit() { fairlead run -a hello "$@" sh -c 'cat /sys/fs/cgroup/memory/memory.limit_in_bytes'; }
fairlead run:stop run.3 -a hello >/dev/null
wait_until 20 "they are gone" gone
assert_eq "$(limit --memory 96M --cpus 0.5)" $((96 << 20)) "its memory"
refused 1 fairlead run --memory 9999G -a hello true
assert_contains "$refusal" run_memory_max_bytes "the refusal"

note "a detached one outlives a restart of the server and its kill, an attached one does not"
fairlead run --detached -a hello sh -c 'i=0; while [ $i -lt 1000 ]; do i=$((i+1)); echo tick-$i; sleep 0.1; done' >/dev/null
fairlead run --detached --timeout 30 -a hello sleep 1001 >/dev/null
fairlead run -a hello sleep 1002 >/dev/null 2>&1 &
client=$!
attached() { [[ $(fairlead ps -a hello) == *"sleep 1002"* ]]; }
wait_until 20 "the attached one runs" attached
stop_server
wait "$client" 2>/dev/null || true
start_server
assert_eq "$(fairlead ps -a hello --json | jq -r '[.[] | select(.type == "run") | .name] | sort | join(" ")')" "run.1 run.2" "what runs after the restart"
ticks() { fairlead logs -a hello --ps run.1 -n 1 | sed -n 's/.*tick-//p'; }
before=$(ticks)
kill9_server
start_server
more() { (($(ticks) > before + 5)); }
wait_until 20 "it writes on" more
log_has() { [[ $(fairlead logs -a hello -n 300 --source fairlead) == *"$1"* ]]; }
wait_until 60 "its time goes on over restarts" log_has "run.2 was ended after 30 s"
fairlead run:stop run.1 -a hello >/dev/null
wait_until 20 "it is gone" gone
wait_until 20 "its end is in the log" log_has "run.1 was stopped"

note "one that ends while no server runs tells its exit"
fairlead run --detached -a hello sh -c 'sleep 2; exit 9' >/dev/null
stop_server
ended() { ! pgrep -f "conmon.*hello[.]run[.].*$data" >/dev/null; }
wait_until 20 "it has ended" ended
start_server
wait_until 20 "its end is in the log" log_has "run.1 exited with status 9"
gone || fail "it is still in ps"
assert_eq "$(ls "$data/run/one-offs/detached")" "" "what is remembered of it"
assert_eq "$(fairlead run -a hello echo again)" again "after the restarts"

note "the end of the story stops the server with all that runs: nothing of this one may be left"
fairlead run --detached -a hello sleep 1003 >/dev/null
