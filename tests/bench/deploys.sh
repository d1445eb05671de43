#!/usr/bin/env bash
# Requests that fail while an app is changed again and again under load: deploys by push, config changes, scaling, rollbacks.
# Environment: FAIRLEAD_BENCH_DEPLOYS (50: half pushes, half config:set), FAIRLEAD_BENCH_SCALES (50), FAIRLEAD_BENCH_ROLLBACKS (20), FAIRLEAD_BENCH_LONG_S (20: how
# long uploads, streams and websockets take), FAIRLEAD_BENCH_DRAIN_S (30: drain_max_s).
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"
# shellcheck source=tests/integration/support/load.sh
. "$ROOT/tests/integration/support/load.sh"
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"
story_cleanup() { stop_traffic_for_good; }

deploys=${FAIRLEAD_BENCH_DEPLOYS:-50} scales=${FAIRLEAD_BENCH_SCALES:-50} rollbacks=${FAIRLEAD_BENCH_ROLLBACKS:-20} long=${FAIRLEAD_BENCH_LONG_S:-20}

# change NUMBER: the kinds by turns.
change() {
  if (($1 % 2 == 0)); then
    commit hello "Change $1"
    push hello >/dev/null
  else
    fairlead config:set "CHANGE=$1" -a hello >/dev/null
  fi
}

echo "drain_max_s = ${FAIRLEAD_BENCH_DRAIN_S:-30}" >>"$work/fairlead.conf"
start_server
deploy_talk hello >/dev/null
start_traffic hello.localhost keep=100 fresh=100 socket=10 upload=10 stream=10 "long=$long"
start=$(now)
for ((i = 1; i <= deploys || i <= scales || i <= rollbacks; ++i)); do
  ((i > deploys)) || change "$i"
  ((i > scales)) || fairlead ps:scale "web=$((i % 4 + 1))" -a hello >/dev/null
  ((i > rollbacks)) || fairlead rollback -a hello >/dev/null
done
echo "  $((deploys + scales + rollbacks)) changes in $(awk -v a="$start" -v b="$(now)" 'BEGIN { printf "%.0f", b - a }') s"
stop_traffic
traffic_failed >"$work/failed"
[[ $(cat "$work/failed") == 0 ]] || jq -c 'map_values(objects | .failures)' "$traffic/report.json"
for kind in keep fresh; do jq ".$kind.p99" "$traffic/report.json" >"$work/$kind"; done
goal "failed requests in $((deploys + scales + rollbacks)) changes" requests "$work/failed" 0
goal "p99 of kept connections meanwhile" ms "$work/keep" 100
goal "p99 of new connections meanwhile" ms "$work/fresh" 100
