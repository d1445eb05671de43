#!/usr/bin/env bash
# Pulling layers of 4 KiB and 64 MiB from the registry, by 8 client processes whose connections stay open.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"

rounds=${FAIRLEAD_BENCH_ROUNDS:-5}
clients=8
round_s=4

story_cleanup() { [[ -z ${registry_pid:-} ]] || kill "$registry_pid" 2>/dev/null; }

start_registry() {
  registry_port=$((20000 + RANDOM % 10000))
  cat >"$work/registry.yml" <<TEXT
version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: $work/registry}, cache: {blobdescriptor: inmemory}}
http: {addr: "127.0.0.1:$registry_port"}
TEXT
  docker-registry serve "$work/registry.yml" >"$work/registry.log" 2>&1 </dev/null &
  registry_pid=$!
  wait_until 20 "docker-registry answers" curl -sf -o /dev/null "http://127.0.0.1:$registry_port/v2/"
}

# make_app NAME BYTES: an app whose slug has about that size; nothing runs of it.
make_app() {
  new_app "$1"
  head -c "$2" /dev/urandom >"$work/$1/noise"
  echo 'worker: sleep 1000' >"$work/$1/Procfile"
  commit "$1" "First"
  push "$1" >/dev/null
  skopeo copy -q --src-tls-verify=false --dest-tls-verify=false "docker://$http_address/$1:v2" "docker://127.0.0.1:$registry_port/$1:v2"
}

# slug_path NAME: of the largest layer above the stack's.
slug_path() {
  local digest
  digest=$(skopeo inspect --raw --tls-verify=false "docker://$http_address/$1:v2" | jq -r '.layers[1:] | max_by(.size) | .digest')
  echo "/v2/$1/blobs/$digest"
}

# pull ADDRESS PATH OUT: requests and megabytes a second.
pull() {
  local requests bytes spent
  read -r requests bytes spent < <("$work/pull_load" "${1%:*}" "${1##*:}" "$2" "$clients" "$round_s") || fail "pulling $2 from $1 failed"
  awk -v n="$requests" -v s="$spent" 'BEGIN { print n / s }' >>"$3.requests"
  awk -v n="$bytes" -v s="$spent" 'BEGIN { print n / s / 1e6 }' >>"$3.rate"
}

g++ -std=c++20 -O2 -o "$work/pull_load" "$ROOT/tests/bench/pull_load.cpp"
start_server
start_registry
make_app small 3500
make_app large 67100000
for round in $(seq "$rounds"); do
  for name in small large; do
    path=$(slug_path "$name")
    pull "$http_address" "$path" "$work/$name.ours"
    pull "127.0.0.1:$registry_port" "$path" "$work/$name.peer"
  done
  echo "  round $round of $rounds: small $(tail -n 1 "$work/small.ours.requests") /s, theirs $(tail -n 1 "$work/small.peer.requests") /s;" \
    "large $(tail -n 1 "$work/large.ours.rate") MB/s, theirs $(tail -n 1 "$work/large.peer.rate") MB/s"
done
row "pull of 4 KiB layers, $clients clients" "req/s" "$work/small.ours.requests" "$work/small.peer.requests" "docker-registry"
row "pull of 64 MiB layers, $clients clients" "MB/s" "$work/large.ours.rate" "$work/large.peer.rate" "docker-registry"
