#!/usr/bin/env bash
# The start of a container to its first instruction, with and without a network, beside `docker run` with neither network nor init.
set -euo pipefail
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"

work=$STORY_WORK
rounds=${FAIRLEAD_BENCH_ROUNDS:-15}
libraries=${FAIRLEAD_BENCH_LIBRARIES:-$ROOT/build/release}
trap finish EXIT

finish() {
  [[ -z ${dockerd_pid:-} ]] || { kill "$dockerd_pid" && wait "$dockerd_pid"; } 2>/dev/null || true
  grep -q "$work/docker" /proc/self/mountinfo && awk '{ print $5 }' /proc/self/mountinfo | grep "$work/docker" | tac | xargs -r umount
  return 0
}

make_image() {
  mkdir -p "$work/image/bin" "$work/image/app"
  cp "$(command -v busybox)" "$work/image/bin/busybox"
  for name in sh echo sleep; do ln -s busybox "$work/image/bin/$name"; done
  tar -C "$work/image" -cf "$work/image.tar" .
  chown -Rh 1879048192:1879048192 "$work/image"
}

# A docker of our own, which leaves the machine's network alone.
start_docker() {
  mkdir "$work/docker"
  dockerd --data-root "$work/docker/data" --exec-root "$work/docker/exec" --pidfile "$work/docker/pid" -H "unix://$work/docker.sock" --bridge=none --iptables=false \
    --ip-forward=false >"$work/docker.log" 2>&1 &
  dockerd_pid=$!
  for _ in $(seq 300); do
    ! docker -H "unix://$work/docker.sock" info >/dev/null 2>&1 || break
    sleep 0.1
  done
  docker -H "unix://$work/docker.sock" import "$work/image.tar" tiny >/dev/null
}

# docker_run: seconds to its first output.
docker_run() {
  local begin
  begin=$(date +%s%N)
  docker -H "unix://$work/docker.sock" run --rm --network none tiny /bin/sh -c 'echo started' </dev/null 2>/dev/null | { read -r _ && echo $(($(date +%s%N) - begin)); } |
    awk '{ print $1 / 1e9 }'
}

# shellcheck disable=SC2046 # words are meant
g++ -std=c++20 -O2 -I"$ROOT" -o "$work/sandbox_bench" "$ROOT/tests/bench/sandbox_bench.cpp" "$libraries"/lib{sandbox,base}.a \
  $(pkg-config --libs libarchive libdeflate zlib libcrypto) -lPocoNet -lPocoJSON -lPocoFoundation -pthread
make_image
chmod 711 "$work" "$work/.." # for the root of the user namespace
start_docker
for round in $(seq "$rounds"); do
  for mode in none network; do
    "$work/sandbox_bench" "$work/run" "$work/image" 2 "$mode" | tail -n 1 | awk '{ print $1 / 1000 }' >>"$work/$mode"
  done
  docker_run >>"$work/docker.first"
  echo "  round $round of $rounds: $(tail -n 1 "$work/none") s without a network, $(tail -n 1 "$work/network") s with one; docker run $(tail -n 1 "$work/docker.first") s without"
done
row "start of a container to its first instruction" s "$work/none" "$work/docker.first" "docker run --network none"
row "the same with a network" s "$work/network" "$work/docker.first" "docker run --network none"
