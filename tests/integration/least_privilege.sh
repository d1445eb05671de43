#!/usr/bin/env bash
# Who talks to strangers has no rights: what the kernel says of the router's process, and what it cannot reach.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

# status_of PID FIELD
status_of() { sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status"; }

# assert_powerless PID ACCOUNT WHO
assert_powerless() {
  local uid gid
  uid=$(id -u "$2") gid=$(id -g "$2")
  assert_eq "$(status_of "$1" Uid)" "$(printf '%s\t%s\t%s\t%s' "$uid" "$uid" "$uid" "$uid")" "the user of $3"
  assert_eq "$(status_of "$1" Gid)" "$(printf '%s\t%s\t%s\t%s' "$gid" "$gid" "$gid" "$gid")" "the group of $3"
  assert_eq "$(status_of "$1" Groups | tr -d ' ')" "" "the other groups of $3"
  for field in CapInh CapPrm CapEff CapBnd CapAmb; do
    assert_eq "$(status_of "$1" $field)" 0000000000000000 "$field of $3"
  done
  assert_eq "$(status_of "$1" NoNewPrivs)" 1 "NoNewPrivs of $3"
  assert_eq "$(status_of "$1" Seccomp)" 2 "Seccomp of $3"
}

start_server
deploy_web_app hello "hello world"
assert_contains "$(page hello)" "hello world"
router=$(cat "$data/run/router/caddy.pid")
assert_powerless "$router" caddy "the router"

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
for place in . live sets caddy.json address; do
  ! in_router test -w "$place" || fail "the router's account writes to run/router/$place"
done

note "a router that was killed comes back the same"
kill -KILL "$router"
router_is_back() { [[ $(cat "$data/run/router/caddy.pid") != "$router" ]] && page hello >/dev/null 2>&1; }
wait_until 10 "another router" router_is_back
assert_powerless "$(cat "$data/run/router/caddy.pid")" caddy "the router after its death"

note "an account that is missing is told"
stop_server
{ cat "$work/fairlead.conf" && echo "router_user = nobody-of-that-name"; } >"$work/other.conf"
run_code "$FAIRLEAD" serve --data "$data" --config "$work/other.conf" --ssh-listen 127.0.0.1:0 --http-listen 127.0.0.1:0 --router-listen 127.0.0.1:0
[[ $status != 0 ]] || fail "a server without its router's account started"
assert_contains "$output" 'no account "nobody-of-that-name"'
assert_contains "$output" router_user
