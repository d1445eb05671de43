#!/usr/bin/env bash
# Packing a tree of 200 MB (headers, scripts and libraries of this machine) into a stored slug, and again after one file of it changed.
set -euo pipefail
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"

work=$STORY_WORK
tree=$work/tree
rounds=${FAIRLEAD_BENCH_ROUNDS:-5}
libraries=${FAIRLEAD_BENCH_LIBRARIES:-$ROOT/build/release}

make_tree() {
  local limit=200000000
  mkdir "$tree"
  find /usr/include /usr/share/perl /usr/lib/python3 /usr/lib/x86_64-linux-gnu /usr/lib/git-core /usr/bin -xdev -type f -size -8M -printf '%s %p\n' 2>/dev/null |
    awk -v limit="$limit" '{ sum += $1; if (sum > limit) exit; print substr($0, index($0, " ") + 1) }' |
    tar -cf - -T - 2>/dev/null | tar -xf - -C "$tree" || true # find ends by a closed pipe
}

# A fresh store each time: the first line is the cold one, the second the push of one changed file.
ours() {
  rm -rf "$work/store"
  "$work/pack_bench" "$tree" "$work/store" >"$work/figures"
  awk -v to="$work/ours" 'NR == 1 { print $1 >>to ".cold"; print $2 / 1e6 >to ".size"; print $4 >>to ".memory" } NR == 2 { print $1 * 1000 >>to ".code"; print $3 / 1000 >>to ".new" }' \
    "$work/figures"
}
# shellcheck disable=SC2016 # for the inner shell
with_pigz() { bash -o pipefail -c 'tar --sort=name --owner=0 --group=0 --mtime=@0 -cf - -C "$1" . | pigz -6 -p 2 >"$2"' - "$tree" "$work/pigz.tgz"; }
# shellcheck disable=SC2016 # for the inner shell
with_gzip() { bash -o pipefail -c 'tar --sort=name --owner=0 --group=0 --mtime=@0 -cf - -C "$1" . | gzip -6 >"$2"' - "$tree" "$work/gzip.tgz"; }

# shellcheck disable=SC2046 # words are meant
g++ -std=c++20 -O2 -I"$ROOT" -o "$work/pack_bench" "$ROOT/tests/bench/pack_bench.cpp" "$libraries"/lib{builder,sandbox,store,base}.a \
  $(pkg-config --libs libarchive libdeflate libcrypto sqlite3) -lPocoNet -lPocoJSON -lPocoFoundation -pthread
make_tree
echo "  $(find "$tree" -type f | wc -l) files, $(du -sm --apparent-size "$tree" | cut -f1) MB"
ours && with_pigz
rm "$work"/ours.*
for round in $(seq "$rounds"); do
  ours
  seconds with_pigz >>"$work/pigz"
  ((round > 2)) || seconds with_gzip >>"$work/gzip"
  echo "  round $round of $rounds: ours $(tail -n 1 "$work/ours.cold") s, tar | pigz $(tail -n 1 "$work/pigz") s; one file changed: $(tail -n 1 "$work/ours.code") ms"
done
for name in pigz gzip; do stat -c %s "$work/$name.tgz" | awk '{ print $1 / 1e6 }' >"$work/$name.size"; done
row "pack and store a tree of 200 MB" s "$work/ours.cold" "$work/pigz" "tar | pigz -6 -p 2"
row "pack and store a tree of 200 MB" s "$work/ours.cold" "$work/gzip" "tar | gzip -6"
row "size of that slug" MB "$work/ours.size" "$work/gzip.size" "tar | gzip -6"
echo "  peak memory $(median "$work/ours.memory") MiB; one file changed: $(median "$work/ours.code") ms, $(median "$work/ours.new") kB new"
