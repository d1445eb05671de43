#!/usr/bin/env bash
# Strangers and members who misuse the SSH port: pushes and commands of others go on meanwhile, the server's memory stays bounded, and what they
# held is free again when their time is over.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

hostile() { /usr/bin/python3 "$ROOT/tests/support/hostile_ssh.py" "$1" "$ssh_port" "${@:2}"; }
metric() { curl -sS "http://$http_address/metrics" | sed -n "s/^$1 //p"; }
memory_kb() { sed -n 's/^VmRSS:\s*\([0-9]*\).*/\1/p' "/proc/$server_pid/status"; }
descriptors() { find "/proc/$server_pid/fd" -mindepth 1 | wc -l; }
nobody_is_there() { (($(metric fairlead_ssh_waiting) + $(metric fairlead_ssh_open_connections) == 0)); }
story_cleanup() { [[ -z ${strangers:-} ]] || kill "$strangers" 2>/dev/null; }

cat >>"$work/fairlead.conf" <<TEXT
ssh_login_grace_s = 5
ssh_max_wait_s = 10
TEXT
sed -i '0,/^ssh_login_grace_s/{/^ssh_login_grace_s/d}' "$work/fairlead.conf"
ulimit -n 8192
start_server
deploy_web_app hello one
before_kb=$(memory_kb)
before_fds=$(descriptors)

for words in '' 'SSH-2.0-stranger\r\n'; do
  note "a thousand connections that say \"$words\" and never log in, from the pusher's own address"
  exec 3> >(hostile strangers 1000 "$words" >"$work/strangers")
  strangers=$!
  wait_until 30 "the strangers are there" grep -q ready "$work/strangers"
  write_web_app hello "among strangers $words"
  commit hello "Among strangers"
  from=$SECONDS
  push hello
  ((SECONDS - from <= 15)) || fail "the push took $((SECONDS - from)) s"
  grown=$(($(memory_kb) - before_kb))
  note "memory grown by $grown kB, $(descriptors) descriptors"
  ((grown < 60000)) || fail "the strangers cost $grown kB"
  wait_until 30 "they are gone after their time" nobody_is_there
  exec 3>&-
  wait "$strangers" || true
  strangers=
  : >"$work/strangers"
done
(($(descriptors) <= before_fds + 4)) || fail "descriptors are left: $(descriptors), before $before_fds"

note "slow words, and a packet that is too large"
assert_eq "$(hostile loris 'SSH-2.0-slow')" "cut off" "a byte a second"
exec 3<>"/dev/tcp/127.0.0.1/$ssh_port"
printf 'SSH-2.0-x\r\n\x7f\xff\xff\xff\x04' >&3
timeout 30 cat <&3 >/dev/null || fail "a packet of 2 GiB is waited for"
exec 3>&-

note "passwords"
(($(hostile guesses 100) <= 6)) || fail "passwords may be guessed"

note "a member who never reads the answers"
before_kb=$(memory_kb)
assert_eq "$(hostile deaf "$HOME/.ssh/id_ed25519")" "cut off" "the deaf"
grown=$(($(memory_kb) - before_kb))
note "memory grown by $grown kB"
((grown < 30000)) || fail "it costs $grown kB"

note "a member with 20,000 variables and 100 sessions"
assert_contains "$(hostile flood "$HOME/.ssh/id_ed25519" apps 2>/dev/null)" hello "its command's output"
grown=$(($(memory_kb) - before_kb))
((grown < 30000)) || fail "it costs $grown kB"

note "a member who asks for what is not served, and for a terminal when it is too late"
asked=$(hostile requests "$HOME/.ssh/id_ed25519" apps 2>/dev/null)
assert_contains "$asked" hello "its command's output"
assert_lacks "$asked" opened "what was served"
assert_lacks "$asked" terminal "what was served"

note "command lines that are none"
refused 2 ssh_git "git-receive-pack '$(printf 'x%.0s' {1..70000})'"
refused 2 ssh_git $'\x01\xff\x1b[2J "never closed'
refused 1 ssh_git "git-upload-pack '../hello.git'"
assert_contains "$refusal" "no app" "answer"

note "a client that changes keys in the middle of a push and of a clone, again and again"
head -c 8000000 /dev/urandom >"$work/hello/noise"
commit hello "Noise"
GIT_SSH_COMMAND="$GIT_SSH_COMMAND -o RekeyLimit=300K" push hello
GIT_SSH_COMMAND="$GIT_SSH_COMMAND -o RekeyLimit=300K" git clone -q "ssh://git@localhost:$ssh_port/hello.git" "$work/back"
cmp "$work/hello/noise" "$work/back/noise" || fail "the clone is another"
wait_until 10 "nobody is left" nobody_is_there
