# shellcheck shell=bash
# Sourced after lib.sh: an app that speaks HTTP in all ways (talk.cpp), and a load on it of which nothing may fail (load.py).

: "${work:?}" "${router_address?}" "${ROOT:?}"

# deploy_talk NAME [PROCFILE]: makes and pushes it.
deploy_talk() {
  [[ -e $work/talk ]] || g++ -std=c++20 -O1 -s -static -pthread -o "$work/talk" "$ROOT/tests/integration/support/talk.cpp" -lcrypto 2>"$work/talk.log" ||
    fail "the app does not compile: $(cat "$work/talk.log")"
  new_app "$1"
  cp "$work/talk" "$work/$1/talk"
  printf '%s\n' "${2:-web: ./talk}" >"$work/$1/Procfile"
  commit "$1" "First"
  push "$1"
}

# start_traffic HOST WORDS...: see load.py; returns when something of each kind was answered.
start_traffic() {
  traffic=$work/traffic
  rm -rf "$traffic"
  mkdir "$traffic"
  python3 "$ROOT/tests/integration/support/load.py" "$router_address" "$1" "$traffic" "${@:2}" >"$traffic/log" 2>&1 &
  traffic_pid=$!
  wait_until 30 "the load has begun" traffic_has_begun
}

traffic_has_begun() {
  kill -0 "$traffic_pid" 2>/dev/null || fail "the load ended: $(cat "$traffic/log")"
  [[ -e $traffic/started ]]
}

# stop_traffic: what is under way ends first. The report is in $traffic/report.json.
stop_traffic() {
  touch "$traffic/stop"
  wait "$traffic_pid" || fail "the load broke: $(cat "$traffic/log")"
  traffic_pid=
  note "under way: $(traffic_line)"
}

traffic_line() { jq -r 'del(.seconds) | to_entries | map("\(.key) \(.value.good) good \(.value.bad) failed, p50 \(.value.p50) ms, max \(.value.max) ms") | join("; ")' "$traffic/report.json"; }

traffic_failed() { jq '[.[] | objects | .bad] | add' "$traffic/report.json"; }

# assert_traffic KIND=LEAST...: nothing failed, and of each kind so many went well.
assert_traffic() {
  local wanted good
  [[ $(traffic_failed) == 0 ]] || fail "requests failed: $(jq -c 'map_values(objects | .failures)' "$traffic/report.json")"
  for wanted in "$@"; do
    good=$(jq --arg kind "${wanted%=*}" '.[$kind].good' "$traffic/report.json")
    ((good >= ${wanted#*=})) || fail "only $good of ${wanted%=*} went well: $(traffic_line)"
  done
}

stop_traffic_for_good() {
  [[ -z ${traffic_pid:-} ]] || kill "$traffic_pid" 2>/dev/null || true
}
