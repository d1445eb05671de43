#!/usr/bin/env bash
# The SSH server alone, with a builder that accepts every push at once, beside OpenSSH's sshd with git's own programs: logging in, pushes
# with little in them, many at once, and what a connection costs in memory.
set -euo pipefail
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/bench/servers.sh
. "$(dirname "$0")/servers.sh"

rounds=${FAIRLEAD_BENCH_ROUNDS:-15}

# repository NAME: on both servers, with a clone to push from.
repository() {
  git init -q --bare "$work/ours/repos/$1.git"
  git init -q --bare "$work/peer/$1.git"
  git init -q "$work/$1"
  git -C "$work/$1" remote add ours "ssh://git@127.0.0.1:$our_port/$1.git"
  git -C "$work/$1" remote add peer "ssh://root@127.0.0.1:$peer_port$work/peer/$1.git"
  change "$1" first
  git -C "$work/$1" push -q ours main
  git -C "$work/$1" push -q peer main
}
change() { echo "$2" >"$work/$1/file" && git -C "$work/$1" add -A && git -C "$work/$1" commit -q -m "$2"; }

measure_logins() {
  local before after
  "$work/ssh_connect" "$our_port" git "$HOME/.ssh/id" 5 true >/dev/null
  "$work/ssh_connect" "$peer_port" root "$HOME/.ssh/id" 2 true >/dev/null
  our_stats && before=$our_cpu
  "$work/ssh_connect" "$our_port" git "$HOME/.ssh/id" 100 true >"$work/login"
  our_stats && awk -v a="$before" -v b="$our_cpu" 'BEGIN { print (b - a) / 100 }' >"$work/login.cpu"
  before=$(peer_cpu)
  "$work/ssh_connect" "$peer_port" root "$HOME/.ssh/id" 30 true >"$work/login.peer"
  sleep 0.3
  after=$(peer_cpu)
  awk -v a="$before" -v b="$after" 'BEGIN { print (b - a) / 30 }' >"$work/login.peer.cpu"
  row "connect, log in, run a command" s "$work/login" "$work/login.peer" "sshd"
  row "of that: the server's CPU" s "$work/login.cpu" "$work/login.peer.cpu" "sshd"
}

measure_pushes() {
  local round remote
  for round in $(seq "$rounds"); do
    for remote in ours peer; do seconds git -C "$work/small" push -q "$remote" main >>"$work/noop.$remote"; done
    change small "$round"
    for remote in ours peer; do seconds git -C "$work/small" push -q "$remote" main >>"$work/one.$remote"; done
  done
  row "no-op push" s "$work/noop.ours" "$work/noop.peer" "sshd + git receive-pack"
  row "one-commit push, nothing built" s "$work/one.ours" "$work/one.peer" "sshd + git receive-pack"
}

# at_once COUNT REMOTE: all the clones push a commit at the same time; each must succeed.
at_once() {
  local number pids=() start
  for number in $(seq "$1"); do change "app$number" "$2 $RANDOM$RANDOM"; done
  start=$(now)
  for number in $(seq "$1"); do git -C "$work/app$number" push -q "$2" main 2>>"$work/failures" & pids+=($!); done
  for number in "${pids[@]}"; do wait "$number" || echo "a push to $2 failed" >&2; done
  awk -v a="$start" -v b="$(now)" 'BEGIN { printf "%.4f\n", b - a }'
}

measure_many() {
  local count number round remote
  for number in $(seq 50); do repository "app$number"; done
  for count in 20 50; do
    for round in 1 2 3; do
      for remote in ours peer; do at_once "$count" "$remote" >>"$work/many.$count.$remote"; done
    done
    row "$count pushes at once" s "$work/many.$count.ours" "$work/many.$count.peer" "sshd + git receive-pack, MaxStartups raised"
  done
}

# held COUNT COMMAND...: so many of them run, until the end; prints what one costs the server in kB.
held() {
  local count=$1 before number pids=()
  shift
  our_stats && before=$our_bytes
  for number in $(seq "$count"); do
    "$@" "$number" >/dev/null 2>&1 </dev/null &
    pids+=($!)
  done
  sleep 4
  our_stats
  awk -v a="$before" -v b="$our_bytes" -v n="$count" 'BEGIN { printf "%.1f\n", (b - a) / n / 1024 }'
  kill "${pids[@]}" 2>/dev/null || true
  wait "${pids[@]}" 2>/dev/null || true
}
idle_connection() { exec $GIT_SSH_COMMAND -N -p "$our_port" git@127.0.0.1; }
waiting_push() { exec git -C "$work/app$1" push ours main; }

measure_memory() {
  local number
  echo "  an idle connection costs $(held 50 idle_connection) kB (target 150)"
  for number in $(seq 50); do change "app$number" "waiting $RANDOM"; done
  echo hold >&7
  echo "  a waiting pusher costs $(held 50 waiting_push) kB (target 150)"
  echo release >&7
}

compile_server
g++ -std=c++20 -O2 -o "$work/ssh_connect" "$ROOT/tests/bench/ssh_connect.cpp" -lssh
make_home
start_ours
start_peer
repository small
measure_logins
measure_pushes
measure_many
measure_memory
