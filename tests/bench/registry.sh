#!/usr/bin/env bash
# Pushing and pulling whole images (one layer, config, manifest) by 8 client processes whose connections stay open, and the memory that the daemon takes for it.
# 5 exchanges to push, 4 to pull. Rates count the layers' bytes. Environment: FAIRLEAD_BENCH_SIZES (of layers: 4096 1048576 67108864), FAIRLEAD_BENCH_SECONDS (4).
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"

rounds=${FAIRLEAD_BENCH_ROUNDS:-5}
round_s=${FAIRLEAD_BENCH_SECONDS:-4}
read -r -a sizes <<<"${FAIRLEAD_BENCH_SIZES:-4096 1048576 67108864}"
clients=8

story_cleanup() { [[ -z ${peer_pid:-} ]] || kill "$peer_pid" 2>/dev/null; }

start_peer() {
  peer_port=$(python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
  cat >"$work/peer.yml" <<TEXT
version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: $work/peer}, cache: {blobdescriptor: inmemory}}
http: {addr: "127.0.0.1:$peer_port"}
TEXT
  docker-registry serve "$work/peer.yml" >"$work/peer.log" 2>&1 </dev/null &
  peer_pid=$!
  wait_until 20 "docker-registry answers" curl -sf -o /dev/null "http://127.0.0.1:$peer_port/v2/"
}

# load NAME MODE ARGUMENTS...: of NAME, ours or peer; adds requests and megabytes a second to NAME.MODE.SIZE.*
load() {
  local name=$1 mode=$2 address=127.0.0.1:$peer_port requests bytes spent
  shift 2
  [[ $name == peer ]] || address=$http_address
  read -r requests bytes spent < <("$work/registry_load" "$address" "$mode" "clients=$clients" "bytes=$size" "authorization=$authorization" "$@") || fail "$mode at $name failed"
  awk -v n="$requests" -v s="$spent" 'BEGIN { print n / s }' >>"$work/$name.$mode.$size.requests"
  awk -v n="$bytes" -v s="$spent" 'BEGIN { print n / s / 1e6 }' >>"$work/$name.$mode.$size.rate"
}

# memory PID FIELD: VmHWM (the most since the last forget_peak) or VmRSS, in MB.
memory() { awk -v field="$2:" '$1 == field { printf "%.1f\n", $2 / 1024 }' "/proc/$1/status"; }
forget_peak() { echo 5 >"/proc/$1/clear_refs"; }

measure() {
  local round mode images unit name=bench/$size
  images=$((size > 33554432 ? 8 : size > 524288 ? 32 : 256))
  "$work/registry_load" "$http_address" push "bytes=$size" "images=$images" "repository=$name" "authorization=$authorization" >/dev/null
  "$work/registry_load" "127.0.0.1:$peer_port" push "bytes=$size" "images=$images" "repository=$name" >/dev/null
  for round in $(seq "$rounds"); do
    for mode in pull push; do
      for each in ours peer; do
        if [[ $mode == pull ]]; then
          load "$each" pull "repository=$name" "images=$images" "seconds=$round_s"
        else
          load "$each" push "repository=$name.$round" "seconds=$round_s"
        fi
      done
      printf '  %s of %s bytes, round %s of %s: %.0f req/s %.0f MB/s, theirs %.0f req/s %.0f MB/s\n' "$mode" "$size" "$round" "$rounds" \
        "$(tail -n 1 "$work/ours.$mode.$size.requests")" "$(tail -n 1 "$work/ours.$mode.$size.rate")" \
        "$(tail -n 1 "$work/peer.$mode.$size.requests")" "$(tail -n 1 "$work/peer.$mode.$size.rate")"
    done
    rm -rf "$work/peer/docker/registry/v2/repositories/bench/$size.$round"
  done
  for mode in pull push; do
    for unit in requests rate; do
      [[ $unit == requests ]] || ((size > 65536)) || continue
      row "$mode, layers of $((size / 1024)) KiB, $clients clients" "$([[ $unit == rate ]] && echo MB/s || echo req/s)" \
        "$work/ours.$mode.$size.$unit" "$work/peer.$mode.$size.$unit" docker-registry
    done
  done
}

# large NAME BYTES: a blob of that size pushed and pulled; the daemon's peak to $work/NAME.peak.
large() {
  local digest location
  truncate -s "$2" "$work/large"
  digest=sha256:$(sha256sum "$work/large" | cut -d ' ' -f 1)
  forget_peak "$server_pid"
  location=$(curl -sSf -X POST -H "Authorization: $authorization" -D - -o /dev/null "http://$http_address/v2/bench/large/blobs/uploads/" | sed -n 's/^Location: \(.*\)\r$/\1/p')
  curl -sSf -X PUT -T "$work/large" -H "Authorization: $authorization" -H "Content-Type: application/octet-stream" "http://$http_address$location?digest=$digest"
  curl -sSf -o /dev/null "http://$http_address/v2/bench/large/blobs/$digest"
  memory "$server_pid" VmHWM >"$work/$1.peak"
  rm "$work/large"
}

g++ -std=c++20 -O2 -o "$work/registry_load" "$ROOT/tests/bench/registry_load.cpp" -lcrypto
start_server
start_peer
authorization="Bearer $(fairlead tokens:create --json | jq -r .token)"
for size in "${sizes[@]}"; do measure; done
memory "$server_pid" VmHWM >"$work/all.peak"
memory "$server_pid" VmRSS >"$work/all.after"
goal "memory at most, through all of it" MB "$work/all.peak" 60
goal "memory afterwards" MB "$work/all.after" 60
large small 5242880
large large 5368709120
row "memory at most, a blob of 5 GiB pushed and pulled" MB "$work/large.peak" "$work/small.peak" "ours, 5 MiB"
