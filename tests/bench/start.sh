#!/usr/bin/env bash
# From the daemon's start to its first answers with 100,000 blobs and 20,000 tags in its registry, and what putting a manifest costs beside so many tags.
# Environment: FAIRLEAD_BENCH_IMAGES (20000, of five blobs each).
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"

rounds=${FAIRLEAD_BENCH_ROUNDS:-5}
images=${FAIRLEAD_BENCH_IMAGES:-20000}

# first_answer PATH FILE: starts the server, adds how long it took to the first 200 of the path, and stops it.
first_answer() {
  local start
  start=$(now)
  "$FAIRLEAD" serve --data "$data" --config "$work/fairlead.conf" --ssh-listen "$ssh_address" --http-listen "$http_address" --router-listen "$router_address" \
    >>"$server_log" 2>&1 </dev/null &
  server_pid=$!
  until curl -sf -o /dev/null --max-time 5 -H "Authorization: $authorization" -H 'Accept: */*' "http://$http_address$1"; do kill -0 "$server_pid" || fail "the server ended"; done
  awk -v a="$start" -v b="$(now)" 'BEGIN { printf "%.4f\n", b - a }' >>"$2"
  wait_until 30 "the server is ready" server_is_ready
  stop_server
}

# put_manifests REPOSITORY IMAGES FILE: milliseconds for each manifest that is put once more under new tags.
put_manifests() {
  local spent
  read -r _ _ spent < <("$work/registry_load" "$http_address" push "images=$2" layers=0 clients=1 "repository=$1" "authorization=$authorization") || fail "pushing to $1 failed"
  awk -v n="$2" -v s="$spent" 'BEGIN { print 1000 * s / n }' >>"$3"
}

g++ -std=c++20 -O2 -o "$work/registry_load" "$ROOT/tests/bench/registry_load.cpp" -lcrypto
start_server
authorization="Bearer $(fairlead tokens:create --json | jq -r .token)"
"$work/registry_load" "$http_address" push "images=$images" layers=4 repository=bench/many "authorization=$authorization" >"$work/filled"
echo "  filled with $images images in $(cut -d ' ' -f 3 "$work/filled") s"
"$work/registry_load" "$http_address" push images=20 layers=4 repository=bench/few "authorization=$authorization" >/dev/null
for round in $(seq "$rounds"); do
  put_manifests bench/many 20 "$work/many"
  put_manifests bench/few 20 "$work/few"
done
stop_server
for round in $(seq "$rounds"); do
  first_answer /v2/ "$work/version"
  first_answer "/v2/bench/many/manifests/i$((images / 2))" "$work/manifest"
  echo "  round $round of $rounds: $(tail -n 1 "$work/version") s to /v2/, $(tail -n 1 "$work/manifest") s to a manifest"
done
row "a config and a manifest put beside $images tags" ms "$work/many" "$work/few" "beside 20 tags"
goal "start to the first answer, $((images * 5)) blobs" s "$work/version" 0.2
goal "start to the first manifest by tag" s "$work/manifest" 0.2
