#!/usr/bin/env bash
# A process that prints as fast as it can is slowed, and named; its neighbours' lines come at once, the disk and the server's memory do not
# fill, and the process is ruled as any other: stopped at once, let go when the server ends.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

printf 'app_log_rate_bytes = 262144\napp_log_burst_bytes = 1048576\napp_log_max_bytes = 2097152\n' >>"$work/fairlead.conf"
start_server
deploy_web_app quiet one
new_app loud
write_web_app loud one
echo 'flood: yes "as many lines of this as it can, all day long"' >>"$work/loud/Procfile"
commit loud "First"
push loud
fairlead ps:scale flood=1 -a loud >/dev/null

note "it is named"
is_named() { [[ $(fairlead logs -a loud --source fairlead -n 50) == *'flood.1 writes more than app_log_rate_bytes (256K a second): it is slowed'* ]]; }
wait_until 20 "the log says who writes too much" is_named

note "its neighbours' lines come within a second"
for i in 1 2 3; do
  page_status quiet "/neighbour-$i" >/dev/null
  said() { [[ $(fairlead logs -a quiet --source router) == *"/neighbour-$i"* ]]; }
  wait_until 2 "the neighbour's line" said
done

note "disk and memory are bounded"
sleep 10
size=$(du -s --block-size=1 "$data/logs/apps/loud" | cut -f 1)
((size < 40000000)) || fail "the log takes $size bytes"
memory=$(sed -n 's/^VmRSS:\s*\([0-9]*\) kB/\1/p' "/proc/$server_pid/status")
((memory < 300000)) || fail "the server takes $memory kB"
printf '# log %s bytes, server %s kB\n' "$size" "$memory"
assert_contains "$(fairlead logs -a loud --ps flood -n 5)" "as many lines of this" "logs"

note "its conmon is let go when the server ends, and after a kill when it is back"
stopped() { for pid in $(pgrep -x conmon); do [[ $(cat "/proc/$pid/cmdline" 2>/dev/null | tr '\0' ' ') != *"$data"* || $(sed -n 's/^State:\s*\(.\).*/\1/p' "/proc/$pid/status") != T ]] || return 0; done; return 1; }
stop_server
! stopped || fail "a conmon stands still without a server"
start_server
wait_until 30 "it is slowed again" stopped
kill9_server
start_server
size_before=$(fairlead logs -a loud -n 1 --json | jq .number)
goes_on() { (($(fairlead logs -a loud -n 1 --json | jq .number) > size_before)); }
wait_until 20 "it goes on" goes_on

note "stopped as any other"
begin=$SECONDS
fairlead ps:stop flood.1 -a loud >/dev/null
gone() { [[ $(fairlead ps -a loud --json | jq '[.[] | select(.type == "flood" and .state != "stopped")] | length') == 0 ]]; }
wait_until 20 "it is gone" gone
printf '# stopped after %s s\n' $((SECONDS - begin))
