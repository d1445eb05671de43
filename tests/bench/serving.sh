#!/usr/bin/env bash
# From a change that was asked for to the new process serving it; what the daemon needs of memory and processor with many apps.
# Environment: FAIRLEAD_BENCH_APPS (100).
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"
# shellcheck source=tests/integration/support/load.sh
. "$ROOT/tests/integration/support/load.sh"
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"

rounds=${FAIRLEAD_BENCH_ROUNDS:-5}
apps=${FAIRLEAD_BENCH_APPS:-100}

# Ticks of the processor that the daemon has taken.
processor_ticks() { awk '{ print $14 + $15 }' "/proc/$server_pid/stat"; }

# The app itself listens within a millisecond or two, so nearly all of it is ours: the command, the release's transaction, the container, the
# check of its port, the change of routes.
measure_change() {
  local begin
  begin=$(date +%s%N)
  "$@" >/dev/null
  awk -v a="$begin" -v b="$(date +%s%N)" 'BEGIN { printf "%.1f\n", (b - a) / 1e6 }'
}

start_server
deploy_talk app-1 >/dev/null
for round in $(seq "$rounds"); do
  measure_change fairlead config:set "ROUND=$round" -a app-1 >>"$work/config"
  measure_change fairlead ps:restart -a app-1 >>"$work/restart"
  measure_change fairlead apps:info -a app-1 >>"$work/command"
  echo "  round $round of $rounds: config:set $(tail -n 1 "$work/config") ms, ps:restart $(tail -n 1 "$work/restart") ms, a command that changes nothing $(tail -n 1 "$work/command") ms"
done
paste "$work/config" "$work/command" | awk '{ print $1 - $2 }' >"$work/serving"
goal "config:set to the new process serving" ms "$work/serving" 150

for ((i = 2; i <= apps; ++i)); do
  fairlead apps:create "app-$i" >/dev/null
  git -C "$work/app-1" push -q "ssh://git@localhost:$ssh_port/app-$i.git" HEAD:main >"$work/push.log" 2>&1 || fail "pushing app-$i: $(tail -n 3 "$work/push.log")"
  ((i % 20)) || echo "  $i apps run"
done
sleep 10 # old processes, and what the pushes left to do
ticks=$(processor_ticks)
sleep 30
awk -v a="$ticks" -v b="$(processor_ticks)" -v hz="$(getconf CLK_TCK)" 'BEGIN { print 100 * (b - a) / hz / 30 }' >"$work/idle"
sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$server_pid/status" | awk '{ print $1 / 1024 }' >"$work/memory"
goal "memory of the daemon, $apps apps" MB "$work/memory" 80
goal "processor of the idle daemon, $apps apps" percent "$work/idle" 1
