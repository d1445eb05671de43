#!/usr/bin/env bash
# Pushing one small commit: to us, where it is built and launched too, and to OpenSSH's sshd with git's own receive-pack, where it is stored.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"

rounds=${FAIRLEAD_BENCH_ROUNDS:-15}

story_cleanup() { [[ -z ${sshd_pid:-} ]] || kill "$sshd_pid" 2>/dev/null; }

start_sshd() {
  sshd_port=$((20000 + RANDOM % 10000))
  mkdir -p /run/sshd "$work/sshd"
  ssh-keygen -q -t ed25519 -N '' -f "$work/sshd/host_key"
  # shellcheck disable=SC2016 # for the login shell of the forced command
  printf 'command="git-shell -c \\"$SSH_ORIGINAL_COMMAND\\"",restrict %s\n' "$(cat "$HOME/.ssh/id_ed25519.pub")" >"$work/sshd/keys"
  cat >"$work/sshd/config" <<TEXT
ListenAddress 127.0.0.1:$sshd_port
HostKey $work/sshd/host_key
AuthorizedKeysFile $work/sshd/keys
PidFile none
StrictModes no
UsePAM no
PermitRootLogin yes
PasswordAuthentication no
TEXT
  /usr/sbin/sshd -D -e -f "$work/sshd/config" 2>"$work/sshd/log" </dev/null &
  sshd_pid=$!
  echo "[127.0.0.1]:$sshd_port $(cut -d' ' -f1,2 "$work/sshd/host_key.pub")" >>"$HOME/.ssh/known_hosts"
  git init -q --bare "$work/peer.git"
  git -C "$work/hello" remote add peer "ssh://$(id -un)@127.0.0.1:$sshd_port$work/peer.git"
  wait_until 10 "sshd answers" git -C "$work/hello" ls-remote peer >/dev/null 2>&1
}

# Of the newest build: everything that came after the objects were received and checked.
later_phases() { fairlead builds:info -a hello --json | jq '[.phase_ms | to_entries[] | select(.key != "receive" and .key != "check") | .value] | add / 1000'; }
receive_phase() { fairlead builds:info -a hello --json | jq '.phase_ms | (.receive + .check) / 1000'; }

start_server
new_app hello
write_web_app hello one
# A history and a tree of some size, as an app has.
for number in $(seq 1 200); do
  mkdir -p "$work/hello/lib/$((number % 20))"
  seq "$number" $((number + 200)) >"$work/hello/lib/$((number % 20))/file$number.txt"
done
commit hello "First"
push hello >/dev/null
start_sshd
git -C "$work/hello" push -q peer HEAD:main 2>/dev/null
for round in $(seq "$rounds"); do
  echo "$round" >"$work/hello/page.txt"
  commit hello "Round $round"
  seconds git -C "$work/hello" push -q fairlead HEAD:main >>"$work/whole"
  awk -v whole="$(tail -n 1 "$work/whole")" -v later="$(later_phases)" 'BEGIN { print whole - later }' >>"$work/git"
  receive_phase >>"$work/receive"
  seconds git -C "$work/hello" push -q peer HEAD:main >>"$work/peer"
  seconds git -C "$work/hello" ls-remote fairlead >>"$work/list"
  seconds git -C "$work/hello" ls-remote peer >>"$work/peer.list"
  echo "  round $round of $rounds: ours $(tail -n 1 "$work/whole") s with build and launch, $(tail -n 1 "$work/git") s without; sshd $(tail -n 1 "$work/peer") s"
done
fairlead builds:info -a hello | sed 's/^/  /'
row "one-commit push, without build and launch" s "$work/git" "$work/peer" "sshd + git receive-pack"
row "one-commit push, with build and launch" s "$work/whole" "$work/peer" "sshd + git receive-pack (no build)"
row "of that: pack received and checked" s "$work/receive" "$work/peer" "sshd + git receive-pack (whole)"
row "ls-remote (connect, log in, list refs)" s "$work/list" "$work/peer.list" "sshd + git upload-pack"
