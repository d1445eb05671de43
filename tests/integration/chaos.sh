#!/usr/bin/env bash
# Whatever is killed under load, everything runs again within ten seconds: the daemon, the router, what watches a process, the process
# itself, by turns and at random; at last all at once and with nothing left of it in the kernel, as after a reboot.
# Environment: FAIRLEAD_CHAOS_S (60: for how long), FAIRLEAD_CHAOS_SEED, FAIRLEAD_TEST_PATIENCE (1: ten seconds are ten seconds).
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/integration/support/load.sh
. "$ROOT/tests/integration/support/load.sh"
story_cleanup() { stop_traffic_for_good; }

RANDOM=${FAIRLEAD_CHAOS_SEED:-$$}
all_processes="web.1 web.2 web.3 worker.1"

# milliseconds_since NANOSECONDS
milliseconds_since() { echo $((($(date +%s%N) - $1) / 1000000)); }

is_whole() {
  local answer
  server_is_ready && [[ $(process_names hello 2>/dev/null) == "$all_processes" ]] || return 1
  for _ in 1 2 3 4 5 6; do
    answer=$(page hello 2>/dev/null) || return 1
    [[ $answer == dyno=web.* ]] || return 1
  done
}

# A process's container, of those that are up.
container_of() { jq -r --arg name "$1" 'select(.phase == "up" and "\(.type).\(.index)" == $name) | .container' "$data"/run/processes/hello/*.json | grep -v '^null$' | head -n 1; }
init_of() { jq -r .init.pid "$data/run/containers/$(container_of "$1")/state.json"; }
monitor_of() { cat "$data/run/containers/$(container_of "$1")/conmon.pid"; }
random_process() {
  local names
  read -ra names <<<"$all_processes"
  echo "${names[RANDOM % ${#names[@]}]}"
}
# A process that ends too often is started again after longer and longer pauses, which is right, and not what is asked here.
restart_patiently() {
  local restarts
  restarts=$(fairlead ps -a hello --json | jq '[.[].restarts] | max') || fail "ps does not answer while all is well: $(fairlead ps -a hello 2>&1)"
  ((restarts < 2)) || fairlead ps:restart -a hello >/dev/null
}

is_replaced() { [[ -n $(container_of "$1") && $(container_of "$1") != "$victim" ]]; }

kill_something() {
  local name
  name=$(random_process)
  case $1 in
    daemon)
      kill9_server
      start_server
      ;;
    # What it means may just have ended by itself: then that was the blow.
    router) kill -KILL "$(cat "$data/run/router/caddy.pid")" || true ;;
    # The process that it belonged to is replaced.
    monitor)
      victim=$(container_of "$name") || true # it may be between two containers
      kill -KILL "$(monitor_of "$name")" || true
      wait_until 10 "another $name" is_replaced "$name"
      ;;
    process) pkill -KILL -P "$(init_of "$name")" || true ;;
    container) kill -KILL "$(init_of "$name")" || true ;;
  esac
}

# Nothing stays of a machine that starts anew but what is on its disk.
forget_everything() {
  local seed pid mount
  seed=$(printf '%s' "$(readlink -f "$data")/run" | sha256sum | cut -c1-8)
  kill9_server
  kill -KILL "$(cat "$data/run/router/caddy.pid")"
  while read -r pid; do kill -KILL "$pid" 2>/dev/null || true; done < <(
    cat "$data"/run/containers/*/conmon.pid
    find /sys/fs/cgroup -path "*fairlead-$seed*" -name cgroup.procs -exec cat {} + | sort -u
  )
  wait_until 10 "all cgroups are empty" cgroups_are_empty "$seed"
  for mount in $(awk '{ print $5 }' /proc/self/mountinfo | grep -E "$data|fairlead-$seed" | tac); do umount "$mount"; done
  rm -rf --one-file-system "/run/fairlead-$seed"
  for link in $(ip -o link show | sed -n "s/^[0-9]*: \(fl${seed}[^:@]*\).*/\1/p"); do ip link delete "$link"; done
  iptables-save | grep -vF "fl$seed" | iptables-restore
  find /sys/fs/cgroup -depth -type d -path "*fairlead-$seed*" -exec rmdir {} +
}
cgroups_are_empty() { [[ -z $(find /sys/fs/cgroup -path "*fairlead-$1*" -name cgroup.procs -exec cat {} +) ]]; }

start_server
deploy_talk hello "$(printf 'web: ./talk\nworker: sleep 1000000')"
fairlead ps:scale web=3 worker=1 -a hello >/dev/null
wait_until 20 "all is up" is_whole
start_traffic hello.localhost keep=50 fresh=50
kinds=(daemon router monitor process container)
end=$((SECONDS + ${FAIRLEAD_CHAOS_S:-60}))
declare -A counts=()
slowest=0
while ((SECONDS < end)); do
  kind=${kinds[RANDOM % ${#kinds[@]}]}
  counts[$kind]=$((${counts[$kind]:-0} + 1))
  restart_patiently
  began=$(date +%s%N)
  kill_something "$kind"
  wait_until 10 "all is well after the death of a $kind" is_whole
  took=$(milliseconds_since "$began")
  ((took < slowest)) || slowest=$took
  # What may fail, and when: nothing for the daemon's sake.
  [[ $kind == daemon ]] || echo "$kind $began $(date +%s%N)" >>"$work/windows"
done
for kind in "${kinds[@]}"; do note "killed: $kind ${counts[$kind]:-0} times"; done
note "the slowest recovery took $slowest ms"
stop_traffic
jq -r '.[] | objects | .failed_at[] | "\(.[0]) \(.[1])"' "$traffic/report.json" >"$work/failed"
# Each failure belongs to the last kill before its end, when it was under way before all was well again.
awk 'FILENAME ~ /windows$/ { kind[++n] = $1; from[n] = $2 / 1e9; to[n] = $3 / 1e9; next }
  { which = 0; for (i = 1; i <= n; ++i) if ($2 >= from[i] && $1 <= to[i]) which = i; if (which) ++count[which]; else print "outside", $1, $2 }
  END { for (i in count) print kind[i], count[i] }' "$work/windows" "$work/failed" >"$work/told"
note "requests that failed after each death: $(grep -v outside "$work/told" | sort | paste -sd, | sed 's/,/, /g')"
assert_lacks "$(cat "$work/told")" outside "failures while all was well"
# Of a process's death only what it was doing notices.
while read -r kind count; do
  [[ $kind == router ]] || ((count <= 50)) || fail "$count requests failed for the death of one $kind: $(jq -c 'map_values(objects | .failures)' "$traffic/report.json")"
done <"$work/told"

note "a reboot"
forget_everything
began=$(date +%s%N)
start_server
wait_until 20 "everything runs again" is_whole
note "everything ran again $(milliseconds_since "$began") ms after the start"
