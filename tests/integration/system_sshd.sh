#!/usr/bin/env bash
# With a system sshd in front: keys are asked for by AuthorizedKeysCommand, sessions come by ssh-shell, and a push, a clone, a command and
# Ctrl-C are what they are over our own SSH. An account that is not named reaches nothing.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

story_cleanup() {
  [[ -z ${sshd_pid:-} ]] || kill "$sshd_pid" 2>/dev/null
  [[ -z ${programs:-} ]] || rm -rf "$programs"
}

# sshd demands that nobody but root could have put its command there.
programs=$(mktemp -d /run/fairlead-story.XXXXXX)
chmod 755 "$programs"
cp "$FAIRLEAD" "$programs/fairlead"
chmod 711 "$(dirname "$work")" "$work" "$data"
echo "ssh_shell_user = nobody" >>"$work/fairlead.conf"

start_sshd() {
  mkdir -p /run/sshd "$work/sshd"
  ssh-keygen -q -t ed25519 -N '' -f "$work/sshd/host_key"
  sshd_port=$(python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
  cat >"$work/sshd/config" <<TEXT
ListenAddress 127.0.0.1:$sshd_port
HostKey $work/sshd/host_key
AuthorizedKeysFile none
AuthorizedKeysCommand $programs/fairlead ssh-keys --data $data %t %k
AuthorizedKeysCommandUser nobody
AcceptEnv GIT_PROTOCOL
PidFile none
UsePAM no
PermitRootLogin yes
PasswordAuthentication no
TEXT
  /usr/sbin/sshd -D -e -f "$work/sshd/config" 2>"$work/sshd/log" </dev/null &
  sshd_pid=$!
  echo "[localhost]:$sshd_port $(cut -d' ' -f1,2 "$work/sshd/host_key.pub")" >>"$HOME/.ssh/known_hosts"
}
over_sshd() { ssh -F "$HOME/.ssh/config" -p "$sshd_port" "root@localhost" "$@"; }

start_server
start_sshd
wait_until 10 "sshd lets a known key in" over_sshd version >/dev/null 2>&1
assert_contains "$(over_sshd version)" "fairlead" "a command"
assert_contains "$(over_sshd "config:get NOTHING -a nobody" 2>&1 || true)" "nobody" "an error"
refused 2 over_sshd nonsense

note "a push, and the same objects back"
new_app hello
write_web_app hello one
commit hello "First"
git -C "$work/hello" remote set-url fairlead "ssh://root@localhost:$sshd_port/hello.git"
push hello
assert_contains "$transcript" "deployed to Fairlead" "transcript"
assert_contains "$(page hello)" "page=one" "page"
git clone -q "ssh://root@localhost:$sshd_port/hello.git" "$work/back"
assert_eq "$(git -C "$work/back" rev-parse HEAD)" "$(git -C "$work/hello" rev-parse HEAD)" "the clone's commit"

note "Ctrl-C cancels the build"
# shellcheck disable=SC2016 # for the buildpack's shell
make_buildpack slow '[ ! -f "$3/WAIT" ] || { echo "-----> Waiting"; sleep 120; }'
fairlead config:set -a hello BUILDPACK_URL=slow WAIT=1 >/dev/null
before=$(deployed_commit hello)
commit hello "Never deployed"
env --default-signal=INT setsid git -C "$work/hello" push fairlead HEAD:main >"$work/push.log" 2>&1 </dev/null &
pusher=$!
wait_until 60 "the build runs" grep -q "Waiting" "$work/push.log"
kill -INT -- "-$pusher"
wait "$pusher" 2>/dev/null || true
build_is_cancelled() { [[ $(fairlead builds -a hello --json | jq -r '.[0].state') == cancelled ]]; }
wait_until 20 "the build is cancelled" build_is_cancelled
assert_eq "$(deployed_commit hello)" "$before" "deployed commit"

note "an unknown key, and an account that may not ask"
ssh-keygen -q -t ed25519 -N '' -f "$work/stranger"
refused 255 ssh -F /dev/null -i "$work/stranger" -o IdentitiesOnly=yes -o IdentityAgent=none -o BatchMode=yes \
  -o UserKnownHostsFile="$HOME/.ssh/known_hosts" -p "$sshd_port" root@localhost version
fingerprint=$(ssh-keygen -l -f "$HOME/.ssh/id_ed25519.pub" | cut -d' ' -f2)
refused 1 setpriv --reuid=daemon --clear-groups "$programs/fairlead" ssh-shell --data "$data" --key-fingerprint "$fingerprint" -c apps
assert_contains "$refusal" "ssh_shell_user" "answer"
