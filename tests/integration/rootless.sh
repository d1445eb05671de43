#!/usr/bin/env bash
# A server that an ordinary user has started: all of the chain, by nobody who is root of the machine.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

account=fairlead-tester
getent passwd "$account" >/dev/null || skip "there is no account $account: script/bootstrap test makes it"
uid=$(id -u "$account")
program=$FAIRLEAD

# as NAME COMMAND...: as an account of this machine, which finds a /dev/net/tun as Debian's own machines have it.
cat >"$work/as" <<'TEXT'
#!/usr/bin/env bash
export TUN=${0%/*}/tun
[[ -c $TUN ]] || mknod -m 666 "$TUN" c 10 200
for tree in $GROUPS_OF_STORY; do echo $$ >"$tree/cgroup.procs"; done
exec unshare --mount bash -c 'mount --bind "$TUN" /dev/net/tun; exec setpriv --reuid="$1" --regid="$(id -g "$1")" --init-groups -- "${@:2}"' as "$@"
TEXT
printf '#!/usr/bin/env bash\nexec "%s/as" %s "%s" "$@"\n' "$work" "$account" "$program" >"$work/fairlead"
chmod 755 "$work/as" "$work/fairlead"
FAIRLEAD=$work/fairlead
# What it is given is its own; the rest of the story's folder it passes through.
chmod 711 "$work" "$HOME" "$HOME/.ssh"
rm -rf --one-file-system "${data:?}"
mkdir -m 700 "$data"
for entry in "$TEMPLATE"/*; do
  case $(basename "$entry") in
    layers | cache | run | *.sock | ready.json | serve.lock) ;;
    *) cp -a "$entry" "$data/" ;;
  esac
done
chown -R "$account:" "$data"
export XDG_RUNTIME_DIR='' GROUPS_OF_STORY=''

status_of() { sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status"; }
first_process() { cat "$data/run/containers/$(jq -r .container "$data/run/processes/$1/"*web.1*.json)/pid"; }

note "what it needs is told by the doctor, and by serve"
doctor() { "$FAIRLEAD" doctor --data "$data" --ssh-listen 127.0.0.1:0 --http-listen 127.0.0.1:0 --router-listen 127.0.0.1:0 --json; }
report=$(doctor)
assert_contains "$(jq -r '.[] | select(.check == "runtime").found' <<<"$report")" "user namespace 1+65536"
assert_contains "$(jq -r '.[] | select(.check == "daemon").found' <<<"$report")" "will run as $account"
mkdir -m 777 "$work/nobodys"
refused 1 "$work/as" nobody "$program" serve --data "$work/nobodys/data"
assert_contains "$refusal" "usermod --add-subuids"
refused 1 setpriv --reuid="$uid" --regid="$(id -g "$account")" --init-groups env PATH=/nowhere "$program" serve --data "$work/nobodys/other"
assert_contains "$refusal" "install the package uidmap"

note "who is who"
start_server
refused 1 "$FAIRLEAD" serve --data "$data"
assert_contains "$refusal" "another fairlead serves"
deploy_web_app hello "hello rootless"
assert_contains "$(page hello)" "hello rootless"
for who in "$server_pid" "$(cat "$data/run/router/caddy.pid")"; do
  for task in "/proc/$who/task/"*; do
    assert_eq "$(status_of "$who/task/${task##*/}" Uid | tr '\t' ' ')" "$uid $uid $uid $uid" "the user of $who"
    for field in CapInh CapPrm CapEff CapBnd CapAmb; do
      assert_eq "$(status_of "$who/task/${task##*/}" $field)" 0000000000000000 "$field of $who"
    done
    assert_eq "$(status_of "$who/task/${task##*/}" NoNewPrivs) $(status_of "$who/task/${task##*/}" Seccomp)" "1 2" "NoNewPrivs and Seccomp of $who"
  done
done
supervisor=$(pgrep -P "$server_pid" -f "supervisor$")
assert_eq "$(status_of "$supervisor" Uid | tr '\t' ' ')" "$uid $uid $uid $uid" "the user of the supervisor"
for who in $(processes_of_data | cut -d ' ' -f 1); do
  # The story's own commands are root's.
  [[ ! -e /proc/$who || $(readlink "/proc/$who/ns/user") != $(readlink /proc/self/ns/user) || $(stat -c %u "/proc/$who") != 0 ]] || fail "a process is root's: $(tr '\0' ' ' <"/proc/$who/cmdline")"
done
read -r first count < <(sed -n "s/^$account:\([0-9]*\):\([0-9]*\)$/\1 \2/p" /etc/subuid)
user=$(status_of "$(first_process hello)" Uid | cut -f 1)
((user >= first && user < first + count)) || fail "a process of an app is the host's user $user"
assert_contains "$(fairlead doctor)" "runs as $account"

note "config, scale, one-offs, logs, and what is counted"
fairlead config:set GREETING=moin -a hello >/dev/null
assert_eq "$(page hello /env/GREETING)" moin "a config variable"
fairlead ps:scale web=2 worker=1 -a hello >/dev/null
assert_eq "$(process_names hello)" "web.1 web.2 worker.1"
# shellcheck disable=SC2016
run_code ssh_git run -a hello -- sh -c '"echo from \$DYNO; exit 7"'
assert_contains "$output" "from run."
assert_eq "$status" 7 "the exit code of a one-off"
is_counted() { fairlead ps -a hello --json | jq -e 'all(.[]; .usage.memory_bytes > 0)' >/dev/null; }
wait_until 10 "the processes' memory" is_counted
assert_contains "$(fairlead logs -n 100 -a hello)" "app[web.1]:"

note "a build's cache, from which a folder is removed and made again"
# shellcheck disable=SC2016 # it is the buildpack's
make_buildpack keeper 'cd "$2"; ls -R .; case $(cat "$1/page.txt") in
  one) mkdir dir; touch dir/old ;;
  two) rm -r dir; mkdir dir; touch dir/new ;;
esac'
fairlead buildpacks:set keeper -a hello >/dev/null
for page in one two three; do
  write_web_app hello "$page"
  commit hello "$page"
  push hello
done
assert_contains "$transcript" "new"
assert_lacks "$transcript" "old" "the cache of the third build"

note "an app stays in its place"
# Neither the daemon's ports, nor another app's, nor the cloud's metadata.
deploy_web_app other "another app"
address=$(jq -r .address "$data/run/processes/other/"*web.1*.json)
own=$(ip -4 -o route get 192.0.2.1 2>/dev/null | sed -n 's/.* src \([0-9.]*\).*/\1/p')
for place in "$address" "127.0.0.1:${http_address##*:}" "${own:-127.0.0.1}:${http_address##*:}" 169.254.169.254:80; do
  run_code fairlead run -a hello -- curl -s -m 3 "http://$place/"
  [[ $status != 0 ]] || fail "an app reaches $place: $output"
done
run_code fairlead run -a hello -- sh -c ':(){ :|:& };:; sleep 2; echo done'
assert_contains "$(page hello)" "page=three"

note "the server is started again, and killed: what runs stays"
before=$(first_process hello)
stop_server
assert_contains "$(page hello)" "page=three"
start_server
kill9_server
assert_contains "$(page hello)" "page=three"
start_server
assert_eq "$(first_process hello)" "$before" "the processes over two starts"
fairlead ps:restart -a hello >/dev/null
assert_contains "$(page hello)" "page=three"

note "its network is killed, and its door"
kill -KILL "$(cat "$data/run/rootless/pasta.pid")"
wait_until 10 "the page" page hello
door=$(pgrep -o -u "$uid" -f "^$program rootless-door") || fail "there is no door"
kill -STOP "$door"
kill -KILL "$(cat "$data/run/rootless/pasta.pid")"
python3 -c 'import socket, sys, time
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(("127.0.0.1", int(sys.argv[1]))); s.listen(); print("taken", flush=True); time.sleep(600)' "${router_address##*:}" >"$work/taken" &
taker=$!
wait_until 5 "the router's port is taken" grep -q taken "$work/taken"
kill -CONT "$door"
wait_until 10 "the door says that the port is taken" grep -q "the server cannot be reached" "$server_log"
kill "$taker"
wait_until 10 "the page" page hello
stop_server
pkill -KILL -u "$uid" -f "^$program rootless-door" || fail "there is no door"
start_server
wait_until 30 "the page" page hello
[[ ! -e /proc/$before ]] || [[ $(first_process hello) != "$before" ]] || fail "a process is taken for one that can be reached"

note "with cgroups that were delegated to it"
fairlead server:stop --all >/dev/null
end_of_server 10
group=fairlead-story-$$
if [[ -e /sys/fs/cgroup/cgroup.controllers ]]; then
  echo "+cpu +memory +pids" >/sys/fs/cgroup/cgroup.subtree_control
  trees=(/sys/fs/cgroup)
else
  mapfile -t trees < <(find -H /sys/fs/cgroup -mindepth 1 -maxdepth 1 -type d ! -name unified)
fi
for tree in "${trees[@]}"; do
  mkdir "$tree/$group"
  for file in cpuset.cpus cpuset.mems; do
    [[ ! -e $tree/$file || -e /sys/fs/cgroup/cgroup.controllers ]] || cat "$tree/$file" >"$tree/$group/$file"
  done
  chown "$account:" "$tree/$group" "$tree/$group"/cgroup.{procs,subtree_control,threads} 2>/dev/null || true
  GROUPS_OF_STORY+=" $tree/$group"
done
start_server
GROUPS_OF_STORY=
assert_contains "$(fairlead doctor)" "below /$group"
wait_until 30 "the page" page hello
# shellcheck disable=SC2016
run_code fairlead run -a hello -- sh -c 'x=$(head -c 700000000 /dev/zero | tr "\\0" x); echo got it'
assert_lacks "$output" "got it" "a process beyond its memory"
[[ $status != 0 ]] || fail "a process goes beyond its memory"
wait_until 10 "the processes' memory" is_counted
fairlead server:stop --all >/dev/null
end_of_server 10
groups_are_gone() {
  local tree
  for tree in "${trees[@]}"; do
    find "$tree/$group" -depth -type d -exec rmdir {} + 2>/dev/null
    [[ ! -e $tree/$group ]] || return 1
  done
}
wait_until 10 "the groups can be removed" groups_are_gone
