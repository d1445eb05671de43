#!/usr/bin/env bash
# Indexing a pack that was pushed, with object checks: ours and git index-pack --strict, each on two threads.
set -euo pipefail
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"

work=$STORY_WORK
rounds=${FAIRLEAD_BENCH_ROUNDS:-5}
libraries=${FAIRLEAD_BENCH_LIBRARIES:-$ROOT/build/release}

# make_pack KIND: $work/KIND.pack, as a client would send it.
make_pack() {
  git init -q --bare "$work/$1.git"
  perl "$ROOT/tests/bench/history.pl" "$1" | git -C "$work/$1.git" fast-import --quiet
  echo refs/heads/main | git -C "$work/$1.git" pack-objects -q --revs --stdout --delta-base-offset >"$work/$1.pack"
  rm -rf "$work/$1.git"
}

ours() {
  rm -rf "$work/ours" && mkdir "$work/ours"
  "$work/index_bench" "$work/$1.pack" "$work/ours" 2
}
theirs() {
  rm -rf "$work/theirs" && git init -q --bare "$work/theirs"
  git -C "$work/theirs" index-pack --strict --threads=2 --stdin <"$work/$1.pack"
}

# shellcheck disable=SC2046 # words are meant
g++ -std=c++20 -O2 -I"$ROOT" -o "$work/index_bench" "$ROOT/tests/bench/index_bench.cpp" "$libraries"/lib{git,base}.a \
  $(pkg-config --libs libarchive libdeflate zlib libcrypto libgit2) -lPocoNet -lPocoJSON -lPocoFoundation -pthread
for kind in medium large small; do
  make_pack "$kind"
  ours "$kind" && theirs "$kind" >/dev/null
  for round in $(seq "$rounds"); do
    seconds ours "$kind" >>"$work/$kind.ours"
    awk '{ print $4 / 1024 }' "$work/last.log" | head -n 1 >>"$work/$kind.memory"
    seconds theirs "$kind" >>"$work/$kind.theirs"
    echo "  round $round of $rounds: $kind ($(($(stat -c %s "$work/$kind.pack") / 1000000)) MB): ours $(tail -n 1 "$work/$kind.ours") s" \
      "at $(tail -n 1 "$work/$kind.memory") MiB, git index-pack --strict $(tail -n 1 "$work/$kind.theirs") s"
  done
  row "index a pushed pack: $kind" s "$work/$kind.ours" "$work/$kind.theirs" "git index-pack --strict, 2 threads"
  rm "$work/$kind.pack"
done
