#!/usr/bin/env bash
# Writing a tree of 5,000 files from a repository as a build gets it; beside it git archive and tar.
set -euo pipefail
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"

work=$STORY_WORK
rounds=${FAIRLEAD_BENCH_ROUNDS:-5}
libraries=${FAIRLEAD_BENCH_LIBRARIES:-$ROOT/build/release}

# processor FILE COMMAND...: seconds of processor time, user and system, of all of it.
processor() {
  local file=$1 TIMEFORMAT='%U %S'
  shift
  { time "$@" 2>/dev/null; } 2>&1 | awk '{ print $1 + $2 }' >>"$file"
}
ours() { "$work/export_bench" "$work/app.git" "$commit" "$work/out" 1879049192; }
# shellcheck disable=SC2016 # for the inner shell
theirs() { bash -o pipefail -c 'mkdir "$3" && git -C "$1" archive "$2" | tar -xf - -C "$3"' - "$work/app.git" "$commit" "$work/out"; }

# shellcheck disable=SC2046 # words are meant
g++ -std=c++20 -O2 -I"$ROOT" -o "$work/export_bench" "$ROOT/tests/bench/export_bench.cpp" "$libraries"/lib{git,base}.a \
  $(pkg-config --libs libarchive libdeflate zlib libcrypto libgit2) -lPocoNet -lPocoJSON -lPocoFoundation -pthread
git init -q --bare "$work/app.git"
perl "$ROOT/tests/bench/history.pl" medium | git -C "$work/app.git" fast-import --quiet
git -C "$work/app.git" repack -adq
commit=$(git -C "$work/app.git" rev-parse main)
ours
echo "  $(find "$work/out" -type f | wc -l) files, $(du -sm --apparent-size "$work/out" | cut -f1) MB"
for round in $(seq "$rounds"); do
  for whose in ours theirs; do
    rm -rf "$work/out"
    seconds "$whose" >>"$work/$whose"
    rm -rf "$work/out"
    processor "$work/$whose.cpu" "$whose"
  done
  echo "  round $round of $rounds: ours $(tail -n 1 "$work/ours") s (processor $(tail -n 1 "$work/ours.cpu")), git archive | tar x $(tail -n 1 "$work/theirs") s" \
    "(processor $(tail -n 1 "$work/theirs.cpu"))"
done
row "export a tree of 5,000 files" s "$work/ours" "$work/theirs" "git archive | tar x"
row "export a tree of 5,000 files, processor time" s "$work/ours.cpu" "$work/theirs.cpu" "git archive | tar x"
