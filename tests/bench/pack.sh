#!/usr/bin/env bash
# Packing a tree of 200 MB (headers, scripts and libraries of this machine) into a .tgz.
set -euo pipefail
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"

work=$STORY_WORK
tree=$work/tree
rounds=${FAIRLEAD_BENCH_ROUNDS:-5}

make_tree() {
  local limit=200000000
  mkdir "$tree"
  find /usr/include /usr/share/perl /usr/lib/python3 /usr/lib/x86_64-linux-gnu /usr/lib/git-core /usr/bin -xdev -type f -size -8M -printf '%s %p\n' 2>/dev/null |
    awk -v limit="$limit" '{ sum += $1; if (sum > limit) exit; print substr($0, index($0, " ") + 1) }' |
    tar -cf - -T - 2>/dev/null | tar -xf - -C "$tree" || true # find ends by a closed pipe
}

ours() { "$work/pack_bench" "$tree" "$work/ours.tgz"; }
# shellcheck disable=SC2016 # for the inner shell
with_pigz() { bash -o pipefail -c 'tar --sort=name --owner=0 --group=0 --mtime=@0 -cf - -C "$1" . | pigz -6 -p 2 >"$2"' - "$tree" "$work/pigz.tgz"; }
# shellcheck disable=SC2016 # for the inner shell
with_gzip() { bash -o pipefail -c 'tar --sort=name --owner=0 --group=0 --mtime=@0 -cf - -C "$1" . | gzip -6 >"$2"' - "$tree" "$work/gzip.tgz"; }

# shellcheck disable=SC2046 # words are meant
g++ -std=c++20 -O2 -I"$ROOT" -o "$work/pack_bench" "$ROOT/tests/bench/pack_bench.cpp" "$ROOT/build/release/libbase.a" \
  $(pkg-config --libs libarchive libdeflate libcrypto) -lPocoNet -lPocoJSON -lPocoFoundation -pthread
make_tree
echo "  $(find "$tree" -type f | wc -l) files, $(du -sm --apparent-size "$tree" | cut -f1) MB"
ours && with_pigz
for round in $(seq "$rounds"); do
  seconds ours >>"$work/ours"
  seconds with_pigz >>"$work/pigz"
  ((round > 2)) || seconds with_gzip >>"$work/gzip"
  echo "  round $round of $rounds: ours $(tail -n 1 "$work/ours") s, tar | pigz $(tail -n 1 "$work/pigz") s"
done
for name in ours pigz gzip; do stat -c %s "$work/$name.tgz" | awk '{ print $1 / 1e6 }' >"$work/$name.size"; done
row "pack a tree of 200 MB" s "$work/ours" "$work/pigz" "tar | pigz -6 -p 2"
row "pack a tree of 200 MB" s "$work/ours" "$work/gzip" "tar | gzip -6"
row "size of that pack" MB "$work/ours.size" "$work/pigz.size" "tar | pigz -6 -p 2"
