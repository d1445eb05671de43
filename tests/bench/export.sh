#!/usr/bin/env bash
# Writing a tree of 5,000 files from a repository as a build gets it; beside it git archive and tar.
set -euo pipefail
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"

work=$STORY_WORK
rounds=${FAIRLEAD_BENCH_ROUNDS:-5}
libraries=${FAIRLEAD_BENCH_LIBRARIES:-$ROOT/build/release}

# timed WHOSE FOLDER: appends the seconds, and those of processor time of all of it.
timed() {
  local TIMEFORMAT='%R %U %S'
  { time "$1" "$2" 2>/dev/null; } 2>&1 | awk -v to="$work/$1" '{ print $1 >>to; print $2 + $3 >>to ".cpu" }'
}
ours() { "$work/export_bench" "$work/app.git" "$commit" "$1"; }
# shellcheck disable=SC2016 # for the inner shell
theirs() { bash -o pipefail -c 'mkdir "$3" && git -C "$1" archive "$2" | tar -xf - -C "$3"' - "$work/app.git" "$commit" "$1"; }

# shellcheck disable=SC2046 # words are meant
g++ -std=c++20 -O2 -I"$ROOT" -o "$work/export_bench" "$ROOT/tests/bench/export_bench.cpp" "$libraries"/lib{git,base}.a \
  $(pkg-config --libs libarchive libdeflate zlib libcrypto libgit2) -lPocoNet -lPocoJSON -lPocoFoundation -pthread
git init -q --bare "$work/app.git"
perl "$ROOT/tests/bench/history.pl" medium | git -C "$work/app.git" fast-import --quiet
git -C "$work/app.git" repack -adq
commit=$(git -C "$work/app.git" rev-parse main)
# In memory where it can be, and nothing removed before the end: ext4 looks long for a free inode where many were just given back.
out=$(mktemp -d /dev/shm/fl-export.XXXXXX 2>/dev/null || mktemp -d "$work/out.XXXXXX")
trap 'rm -rf "$out"' EXIT
ours "$out/first"
echo "  $(find "$out/first" -type f | wc -l) files, $(du -sm --apparent-size "$out/first" | cut -f1) MB"
theirs "$out/second"
for round in $(seq "$rounds"); do
  for whose in ours theirs; do timed "$whose" "$out/$whose.$round"; done
  echo "  round $round of $rounds: ours $(tail -n 1 "$work/ours") s (processor $(tail -n 1 "$work/ours.cpu")), git archive | tar x $(tail -n 1 "$work/theirs") s" \
    "(processor $(tail -n 1 "$work/theirs.cpu"))"
done
row "export a tree of 5,000 files" s "$work/ours" "$work/theirs" "git archive | tar x"
row "export a tree of 5,000 files, processor time" s "$work/ours.cpu" "$work/theirs.cpu" "git archive | tar x"
