# shellcheck shell=bash
# Sourced by the benchmarks that go over SSH, after lib.sh: two servers with one client. Ours is the SSH server with a layer above it that
# accepts every push at once; the peer is OpenSSH's sshd with git's own programs. Both end with the benchmark.

work=$STORY_WORK
libraries=${FAIRLEAD_BENCH_LIBRARIES:-$ROOT/build/release}
export HOME=$work/home GIT_CONFIG_NOSYSTEM=1 GIT_TERMINAL_PROMPT=0
unset SSH_AUTH_SOCK

finish() {
  exec 7>&- || true # ends ssh_bench
  [[ -z ${sshd_pid:-} ]] || kill "$sshd_pid" 2>/dev/null || true
}
trap finish EXIT

# compile_server: ssh_bench over the libraries of the release build.
compile_server() {
  # shellcheck disable=SC2046 # words are meant
  g++ -std=c++20 -O2 -I"$ROOT" -o "$work/ssh_bench" "$ROOT/tests/bench/ssh_bench.cpp" \
    "$libraries"/lib{gitd,git,store,base}.a $(pkg-config --libs libssh libgit2 libarchive libdeflate zlib libcrypto sqlite3) \
    -lPocoNet -lPocoJSON -lPocoFoundation -pthread
}

make_home() {
  mkdir -p "$HOME/.ssh" "$work/ours/repos" "$work/peer"
  ssh-keygen -q -t ed25519 -N '' -f "$HOME/.ssh/id"
  git config --global user.name Bench
  git config --global user.email bench@example.org
  git config --global init.defaultBranch main
  export GIT_SSH_COMMAND="ssh -F none -i $HOME/.ssh/id -o IdentitiesOnly=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
}

start_ours() {
  mkfifo "$work/in" "$work/out"
  "$work/ssh_bench" "$work/ours" "$HOME/.ssh/id.pub" <"$work/in" >"$work/out" 2>"$work/ours.log" &
  our_pid=$!
  exec 7>"$work/in" 8<"$work/out"
  read -r our_port <&8
}
# our_stats: CPU seconds and private bytes so far.
our_stats() { echo stats >&7 && read -r our_cpu our_bytes <&8; }

start_peer() {
  peer_port=$(python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
  mkdir -p /run/sshd
  ssh-keygen -q -t ed25519 -N '' -f "$work/peer/host_key"
  cp "$HOME/.ssh/id.pub" "$work/peer/keys"
  cat >"$work/peer/config" <<TEXT
ListenAddress 127.0.0.1:$peer_port
HostKey $work/peer/host_key
AuthorizedKeysFile $work/peer/keys
PidFile none
StrictModes no
UsePAM no
PermitRootLogin yes
PasswordAuthentication no
MaxStartups 200
PerSourceMaxStartups none
TEXT
  /usr/sbin/sshd -D -e -f "$work/peer/config" 2>"$work/peer/log" </dev/null &
  sshd_pid=$!
  until nc -z 127.0.0.1 "$peer_port" 2>/dev/null || ssh-keyscan -p "$peer_port" 127.0.0.1 2>/dev/null | grep -q .; do sleep 0.05; done
}
# With all its children that have ended.
peer_cpu() { awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); print ($12 + $13 + $14 + $15) / hz }' "/proc/$sshd_pid/stat"; }
