#!/usr/bin/env bash
# ps tells what processes use; ps:type gives each type its limits, which hold in the container; more than its memory is named as such.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

field() { fairlead ps -a hello --json | jq -r ".[] | select(.name == \"$1\" and .state == \"up\") | $2"; }
uses_memory() { [[ $(field web.1 .usage.memory_bytes) -gt 0 ]]; }
is_busy() { [[ $(field worker.1 '.usage.cpus * 1000 | floor') -gt 0 ]]; }
log_has() { [[ $(fairlead logs -n 200 --source fairlead -a hello) == *"$1"* ]]; }

cat >>"$work/fairlead.conf" <<TEXT
app_limits_max = process_memory_bytes=1G process_cpus=1.5
TEXT
start_server
new_app hello
write_web_app hello one
printf 'web: ./web\nworker: while :; do :; done\n' >"$work/hello/Procfile"
printf '#!/bin/sh\nx=x; while :; do x=$x$x; done\n' >"$work/hello/eat"
# shellcheck disable=SC2016 # for the app's shell
printf '#!/bin/sh\ncat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/cpu.max /sys/fs/cgroup/cpu/cpu.cfs_quota_us 2>/dev/null; true\n' >"$work/hello/limits"
chmod 755 "$work/hello/eat" "$work/hello/limits"
commit hello "First"
push hello

note "ps"
wait_until 15 "web.1 uses memory" uses_memory
ps=$(fairlead ps -a hello)
printf '%s\n' "$ps"
assert_contains "$ps" "/512M" "ps"
assert_contains "$ps" "$(hostname)" "ps"
assert_eq "$(field web.1 '"\(.node) \(.restarts) \(.ready) \(.limits.pids)"')" "$(hostname) 0 true 1024" "web.1"

note "sizes"
assert_contains "$(fairlead ps:type -a hello)" "web:     512M, 1024 pids, 2G disk" "sizes"
before=$(page hello)
fairlead ps:scale worker=1 -a hello >/dev/null
wait_until 20 "the worker is busy" is_busy
start_load hello
fairlead ps:type web=128M,0.5cpu,200pids,1Gdisk worker=0.1cpu -a hello
stop_load
[[ $(page hello) != "$before" ]] || fail "web.1 is the process of before"
assert_contains "$(page hello '/run?limits')" $'134217728\n50000' "what the process sees of its limits"
assert_eq "$(field web.1 '"\(.limits.memory_bytes) \(.limits.cpus) \(.limits.pids) \(.limits.disk_bytes)"')" "134217728 0.5 200 1073741824" "web.1"
assert_eq "$(field worker.1 .limits.cpus)" 0.1 "the worker's processors"

note "wrong words"
refused 1 fairlead ps:type web=2G -a hello
assert_contains "$refusal" "process_memory_bytes can be at most 1G on this server: its operator can allow more with the setting app_limits_max" "answer"
for words in web=2cpu web=no web nosuch=1G web=1G,1G; do
  refused any fairlead ps:type "$words" -a hello
done

note "more than its memory"
page hello '/run?eat' >/dev/null || true
wait_until 20 "the log names it" log_has "web.1 has used up its memory of 128M, and one of its processes was killed: fairlead ps:type web=SIZE gives it more"
assert_contains "$(page hello)" "page=one" "page"

note "sizes survive a restart of the server, which starts nothing anew"
before=$(page hello)
stop_server
start_server
assert_eq "$(page hello)" "$before" "page"
assert_eq "$(field web.1 .limits.memory_bytes)" 134217728 "web.1's memory"
fairlead ps:type web=default worker=default -a hello >/dev/null
assert_contains "$(fairlead ps:type -a hello)" "web:     512M, 1024 pids, 2G disk" "sizes"
