#!/usr/bin/env bash
# Who talks to strangers has no rights: what the kernel says of the daemon and of the router, and what they cannot reach.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

# status_of PID FIELD
status_of() { sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status"; }

# assert_powerless PID ACCOUNT GROUPS WHO: of each of its threads.
assert_powerless() {
  local uid gid task
  uid=$(id -u "$2") gid=$(id -g "$2")
  for task in "/proc/$1/task/"*; do
    task=$1/task/${task##*/}
    assert_eq "$(status_of "$task" Uid)" "$(printf '%s\t%s\t%s\t%s' "$uid" "$uid" "$uid" "$uid")" "the user of $4"
    assert_eq "$(status_of "$task" Gid)" "$(printf '%s\t%s\t%s\t%s' "$gid" "$gid" "$gid" "$gid")" "the group of $4"
    assert_eq "$(status_of "$task" Groups | tr -d ' ')" "$3" "the other groups of $4"
    for field in CapInh CapPrm CapEff CapBnd CapAmb; do
      assert_eq "$(status_of "$task" $field)" 0000000000000000 "$field of $4"
    done
    assert_eq "$(status_of "$task" NoNewPrivs)" 1 "NoNewPrivs of $4"
    assert_eq "$(status_of "$task" Seccomp)" 2 "Seccomp of $4"
  done
}

start_server
deploy_web_app hello "hello world"
assert_contains "$(page hello)" "hello world"
router=$(cat "$data/run/router/caddy.pid")
assert_powerless "$router" caddy "" "the router"
assert_powerless "$server_pid" fairlead "$(id -g caddy)" "the daemon"

note "what the daemon's account reaches of the machine"
as_daemon() { setpriv --reuid="$(id -u fairlead)" --regid="$(id -g fairlead)" --groups="$(id -g caddy)" -- "$@"; }
for file in /etc/shadow /root; do
  ! as_daemon test -r "$file" || fail "the daemon's account reads $file"
done
for place in "$data" "$data/run" "$data/run/containers" "$data/run/execs" "$data/run/oci"; do
  [[ $(stat -c %U "$place") == root ]] || fail "$place is not root's"
done
# It makes files in these, and may not put its own in the place of the supervisor's.
for name in containers execs oci leases network.json; do
  run_code as_daemon mv "$data/run/$name" "$data/run/elsewhere"
  [[ $status != 0 && -e $data/run/$name ]] || fail "the daemon's account moves run/$name away"
done
run_code as_daemon mv "$data/run" "$data/elsewhere"
[[ $status != 0 && -e $data/run ]] || fail "the daemon's account moves run/ away"
run_code as_daemon find "$data/run/containers" -mindepth 2
assert_lacks "$output" config.json
# What it has made is all its own; what is not belongs to root's processes or to containers.
foreign=$(find "$data" -path "$data/run" -prune -o -path "$data/layers/*" -prune -o -path "$data/cache/*/*" -prune -o -uid 0 -print)
assert_eq "$foreign" "$data" "what is root's in the data folder"

note "what the router's account reaches of the data folder"
as_router() { setpriv --reuid="$(id -u caddy)" --regid="$(id -g caddy)" --clear-groups -- "$@"; }
run_code as_router find "$data" -mindepth 1
assert_lacks "$output" fairlead.db
for file in fairlead.db keys run/router/../fairlead.sock; do
  run_code as_router cat "$data/$file"
  [[ $status != 0 ]] || fail "the router's account reads $file"
done
# It has its folder, and reads the routes and its configuration; it writes nothing else.
in_router() { (cd "$data/run/router" && as_router "$@"); }
in_router test -r caddy.json || fail "the router's account does not read its configuration"
in_router test -w caddy || fail "the router's account does not write to its own folder"
for place in . live sets caddy.json address caddy.pid; do
  ! in_router test -w "$place" || fail "the router's account writes to run/router/$place"
done
daemon=$(stat -c %U "$data/ready.json")
assert_eq "$(stat -c '%U %G %a' "$data/run/router" "$data/run/router/caddy" "$data/run/router/caddy/admin.sock" "$data/run/router/caddy/access.log")" "$daemon caddy 2750
$daemon caddy 2770
caddy caddy 770
caddy caddy 660" "who has what of the router's folder"

note "a router that was killed comes back the same"
kill -KILL "$router"
router_is_back() { [[ $(cat "$data/run/router/caddy.pid") != "$router" ]] && page hello >/dev/null 2>&1; }
wait_until 10 "another router" router_is_back
assert_powerless "$(cat "$data/run/router/caddy.pid")" caddy "" "the router after its death"
page_status hello "/after?its=death" >/dev/null
is_logged() { [[ $(fairlead logs -a hello --source router) == *'path="/after?its=death"'* ]]; }
wait_until 10 "its requests are in the app's log" is_logged

note "an account that is missing is told"
stop_server
{ cat "$work/fairlead.conf" && echo "router_user = nobody-of-that-name"; } >"$work/other.conf"
run_code "$FAIRLEAD" serve --data "$data" --config "$work/other.conf" --ssh-listen 127.0.0.1:0 --http-listen 127.0.0.1:0 --router-listen 127.0.0.1:0
[[ $status != 0 ]] || fail "a server without its router's account started"
assert_contains "$output" 'no account "nobody-of-that-name"'
assert_contains "$output" router_user

note "so is the daemon's own"
{ cat "$work/fairlead.conf" && echo "daemon_user = nobody-of-that-name"; } >"$work/other.conf"
run_code "$FAIRLEAD" serve --data "$data" --config "$work/other.conf" --ssh-listen 127.0.0.1:0 --http-listen 127.0.0.1:0 --router-listen 127.0.0.1:0
[[ $status != 0 ]] || fail "a server without its account started"
assert_contains "$output" 'no account "nobody-of-that-name"'
assert_contains "$output" daemon_user

note "a way that is closed to it, too"
mkdir -m 700 "$work/closed"
run_code "$FAIRLEAD" serve --data "$work/closed/data" --config "$work/fairlead.conf" --ssh-listen 127.0.0.1:0 --http-listen 127.0.0.1:0 --router-listen 127.0.0.1:0
[[ $status != 0 ]] || fail "a server that is kept out of its folder started"
assert_contains "$output" "is kept out of $work/closed: let it through"
