#!/usr/bin/env bash
# Starting a phase: from run() to the script's first output, with and without a network; beside it the same shell started by `runc run` alone,
# over the same files with the same configuration but no network and no monitor.
set -euo pipefail
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"

work=$STORY_WORK
rounds=${FAIRLEAD_BENCH_ROUNDS:-15}
libraries=${FAIRLEAD_BENCH_LIBRARIES:-$ROOT/build/release}

# A tiny image, owned by the container's root.
make_image() {
  mkdir -p "$work/image/bin" "$work/image/app"
  cp "$(command -v busybox)" "$work/image/bin/busybox"
  for name in sh echo sleep; do ln -s busybox "$work/image/bin/$name"; done
  chown -Rh 1879048192:1879048192 "$work/image"
}

# The bundle for runc alone.
make_bundle() {
  mkdir -p "$work/bundle"
  (cd "$work/bundle" && runc spec)
  jq --arg root "$work/image" '.root = {path: $root, readonly: true} | .process.terminal = false | .process.args = ["/bin/sh", "-c", "echo started"]
    | .linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 1879048192, size: 65536}]
    | .linux.gidMappings = .linux.uidMappings' "$work/bundle/config.json" >"$work/config.json"
  mv "$work/config.json" "$work/bundle/config.json"
  mkdir -p "$work/image/proc" "$work/image/sys" "$work/image/dev"
}

# runc_alone: milliseconds to its first output.
runc_alone() {
  local begin
  begin=$(date +%s%N)
  runc --root "$work/runc" run -b "$work/bundle" "alone-$$" </dev/null | { read -r _ && echo $((($(date +%s%N) - begin) / 100000)); } |
    sed 's/\(.\)$/.\1/'
}

# shellcheck disable=SC2046 # words are meant
g++ -std=c++20 -O2 -I"$ROOT" -o "$work/sandbox_bench" "$ROOT/tests/bench/sandbox_bench.cpp" "$libraries"/lib{sandbox,base}.a \
  $(pkg-config --libs libarchive libdeflate zlib libcrypto) -lPocoNet -lPocoJSON -lPocoFoundation -pthread
make_image
chmod 711 "$work" "$work/.." # for the root of the user namespace
make_bundle
for round in $(seq "$rounds"); do
  for mode in none network filter; do
    "$work/sandbox_bench" "$work/run" "$work/image" 2 "$mode" | tail -n 1 >"$work/last"
    awk '{ print $1 / 1000 }' "$work/last" >>"$work/$mode.first"
    awk '{ print $2 / 1000 }' "$work/last" >>"$work/$mode.whole"
  done
  runc_alone | awk '{ print $1 / 1000 }' >>"$work/runc.first"
  echo "  round $round of $rounds: first output after $(tail -n 1 "$work/none.first") s without a network, $(tail -n 1 "$work/network.first") s with" \
    "one, $(tail -n 1 "$work/filter.first") s with a list; runc run alone $(tail -n 1 "$work/runc.first") s"
done
row "start a phase without a network, to its first output" s "$work/none.first" "$work/runc.first" "runc run alone"
row "start a phase with a network, to its first output" s "$work/network.first" "$work/runc.first" "runc run alone"
row "start a phase with a list of hosts, to its first output" s "$work/filter.first" "$work/runc.first" "runc run alone"
row "start and end a phase without a network" s "$work/none.whole" "$work/runc.first" "runc run alone, to its first output"
