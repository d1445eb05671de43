#!/usr/bin/env bash
# Whole histories over SSH, with object checks: pushed into an empty repository, then cloned from there; beside OpenSSH's sshd with git's own
# programs, which check nothing. And what a push of 300 MB, and of 900 MB, costs the server in memory.
set -euo pipefail
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/bench/servers.sh
. "$(dirname "$0")/servers.sh"

rounds=${FAIRLEAD_BENCH_ROUNDS:-5}

# made KIND: $work/KIND.git holds that history in one pack, as a repository that someone works in would.
made() {
  git init -q --bare "$work/$1.git"
  perl "$ROOT/tests/bench/history.pl" "$1" | git -C "$work/$1.git" fast-import --quiet
  git -C "$work/$1.git" repack -adq
  git -C "$work/$1.git" remote add ours "ssh://git@127.0.0.1:$our_port/$1.git"
  git -C "$work/$1.git" remote add peer "ssh://root@127.0.0.1:$peer_port$work/peer/$1.git"
}

# empty REMOTE KIND: a new repository to push to.
empty() {
  local folder=$work/peer/$2.git
  [[ $1 == peer ]] || folder=$work/ours/repos/$2.git
  rm -rf "$folder" && git init -q --bare "$folder"
}

push() { git -C "$work/$2.git" push -q "$1" main; }
clone() { rm -rf "$work/copy" && git clone -q --bare "$(git -C "$work/$2.git" remote get-url "$1")" "$work/copy"; }

# measure KIND WHAT
measure() {
  local round remote
  for round in $(seq "$rounds"); do
    for remote in ours peer; do
      empty "$remote" "$1"
      seconds push "$remote" "$1" >>"$work/$1.push.$remote"
      # The peer takes minutes over 300 MB that it keeps as loose objects: once will do.
      [[ $remote == peer && -s $work/large.clone.peer && $1 == large ]] || seconds clone "$remote" "$1" >>"$work/$1.clone.$remote"
    done
    echo "  round $round of $rounds: $1: push $(tail -qn 1 "$work/$1.push.ours" "$work/$1.push.peer" | paste -sd ' ') s, clone" \
      "$(tail -qn 1 "$work/$1.clone.ours" "$work/$1.clone.peer" | paste -sd ' ') s (ours, the peer's)"
  done
  row "push over SSH, $2" s "$work/$1.push.ours" "$work/$1.push.peer" "sshd + git receive-pack, no object checks"
  row "clone over SSH after that push, $2" s "$work/$1.clone.ours" "$work/$1.clone.peer" "sshd + git upload-pack"
}

# status FIELD: of our server, in kB.
status() { awk -v field="$1:" '$1 == field { print $2 }' "/proc/$our_pid/status"; }

# push_memory KIND: the highest resident size while it was pushed, above what it was before, in MiB.
push_memory() {
  local before
  empty ours "$1"
  before=$(status VmRSS)
  echo 5 >"/proc/$our_pid/clear_refs" # VmHWM starts anew
  push ours "$1" 2>"$work/last.log"
  awk -v a="$before" -v b="$(status VmHWM)" 'BEGIN { printf "%.1f\n", (b - a) / 1024 }'
}

compile_server
make_home
start_ours
start_peer
made large
echo "  a push of 300 MB costs $(push_memory large) MiB (target 48)"
made huge
echo "  a push of 900 MB costs $(push_memory huge) MiB (target 48)"
rm -rf "$work/huge.git" "$work/ours/repos/huge.git"
measure large "300 MB in 30 files"
made medium
measure medium "5,000 files, 2,000 commits"
made small
measure small "8,000 commits of small changes"
