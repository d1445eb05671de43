#!/usr/bin/env bash
# The daemon and the process that makes its containers: what each has, and what is left when one of them is killed. Apps serve on.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

supervisor_of() {
  local child
  for child in $(pgrep -P "$1"); do
    [[ $(cat "/proc/$child/comm" 2>/dev/null) != fairlead-sup ]] || echo "$child"
  done
}
command_runs() { [[ $(fairlead ps -a hello) == *run.1* ]]; }
is_gone() { [[ ! -e /proc/$1 || $(sed -n 's/^State:\s*\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null) == ?([ZX]) ]]; }
status_of() { sed -n "s/^$2:\s*//p" "/proc/$1/status"; }

start_server
deploy_web_app hello one
before=$(page hello)
supervisor=$(supervisor_of "$server_pid")
[[ -n $supervisor ]] || fail "the daemon has no supervisor"

note "what it has: its socket, the log, the data folder, and no rights that it does not need"
for number in 0 1; do assert_eq "$(readlink "/proc/$supervisor/fd/$number")" /dev/null "descriptor $number"; done
assert_contains "$(readlink "/proc/$supervisor/fd/3")" "socket:" "descriptor 3"
lasting=$(find "/proc/$supervisor/fd" -mindepth 1 -lname "$data/*" ! -lname "$data/run/*" ! -lname "$data/server.log")
assert_eq "$lasting" "" "the data folder's files that it has open"
assert_eq "$(status_of "$supervisor" NoNewPrivs)" 1 "no_new_privs"
(((16#$(status_of "$supervisor" CapBnd) >> 22 & 1) == 0)) || fail "it may reboot the machine"
assert_lacks "$(tr '\0' '\n' <"/proc/$supervisor/environ")" "HOME=" "its environment"
listening=$(ss -Hlxtp 2>/dev/null | sed -n "/pid=$supervisor,/p")
assert_eq "$listening" "" "sockets on which it listens"

note "signals that mean the daemon leave it alone"
kill -TERM "$supervisor"
kill -INT "$supervisor"
assert_eq "$(fairlead run -a hello -- echo works </dev/null)" works "a one-off process"
assert_eq "$(supervisor_of "$server_pid")" "$supervisor" "supervisor"

note "not by hand"
refused 2 "$FAIRLEAD" supervisor
assert_contains "$refusal" "started by fairlead serve" "answer"

note "the supervisor is killed: the daemon says so and ends, apps serve on"
start_load hello
kill -KILL "$supervisor"
end_of_server 30
assert_eq "$server_status" 1 "exit status of the daemon"
assert_contains "$(tail -n 20 "$server_log")" "the supervisor, which makes containers, has ended" "log"
assert_eq "$(page hello)" "$before" "page while there is neither"
start_server
assert_eq "$(page hello)" "$before" "page: the same process"
assert_eq "$(process_names hello)" web.1 "processes"

note "the daemon is killed: its supervisor goes, apps serve on"
supervisor=$(supervisor_of "$server_pid")
kill9_server
wait_until 20 "the supervisor ends" is_gone "$supervisor"
assert_eq "$(page hello)" "$before" "page while there is neither"
start_server
assert_eq "$(page hello)" "$before" "page: the same process"

note "both at once, with a command that somebody watches"
supervisor=$(supervisor_of "$server_pid")
fairlead run -a hello -- sleep 600 </dev/null >/dev/null 2>&1 &
command=$!
wait_until 20 "the command runs" command_runs
kill -KILL "$supervisor" "$server_pid"
end_of_server 30
wait "$command" 2>/dev/null || true
start_server
stop_load
assert_eq "$(page hello)" "$before" "page: the same process"
assert_eq "$(process_names hello)" web.1 "processes: what nobody waits for any more has gone"
write_web_app hello two
commit hello "Second"
push hello
assert_contains "$(page hello)" "page=two" "page"

note "an orderly end"
supervisor=$(supervisor_of "$server_pid")
stop_server
assert_eq "$server_status" 0 "exit status of the daemon"
is_gone "$supervisor" || fail "the supervisor is there after its daemon"
