#!/usr/bin/env bash
# Cloning from fairlead upload-pack and from git's own, over a pipe: a tree of some size, a long history of small changes, and 300 MB in 30
# files, which git has as the loose objects that a push of fewer than 100 objects leaves there.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"

rounds=${FAIRLEAD_BENCH_ROUNDS:-5}
here=$(cd "$(dirname "$0")" && pwd)

clone() {
  rm -rf "$work/copy"
  git clone -q --bare --upload-pack="$1" "file://$work/$2" "$work/copy"
}

# measure WHAT OURS PEERS: of two repositories that hold the same.
measure() {
  local name=${2%.git} round
  for round in $(seq "$rounds"); do
    seconds clone "$FAIRLEAD upload-pack" "$2" >>"$work/$name.ours"
    seconds clone git-upload-pack "$3" >>"$work/$name.peer"
  done
  row "$1" s "$work/$name.ours" "$work/$name.peer" "git upload-pack"
}

# made KIND: the folder of that history in one pack.
made() {
  git init -q --bare "$work/$1.git"
  perl "$here/history.pl" "$1" | git -C "$work/$1.git" fast-import --quiet
  git -C "$work/$1.git" symbolic-ref HEAD refs/heads/main
  git -C "$work/$1.git" repack -adq
}

# The peer keeps the objects as a push of fewer than 100 leaves them in git: loose. Ours keeps the pack.
loose() {
  git clone -q --bare --no-local "$work/$1.git" "$work/$1.peer.git"
  mv "$work/$1.peer.git/objects/pack" "$work/pack" && mkdir "$work/$1.peer.git/objects/pack"
  cat "$work"/pack/*.pack | git -C "$work/$1.peer.git" unpack-objects -q
  rm -rf "$work/pack"
}

made medium
measure "clone, 5,000 files, 2,000 commits" medium.git medium.git
made small
measure "clone, 8,000 commits of small changes" small.git small.git
made large
loose large
measure "clone, 300 MB in 30 files" large.git large.peer.git
