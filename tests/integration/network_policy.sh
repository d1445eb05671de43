#!/usr/bin/env bash
# What an app's builds reach: all, nothing, or a list of hosts; what is refused fails at once and the log names it. The metadata address of
# clouds and this host (but its router, for who has a network) are out of reach whatever the policy is. The "outside" is a network namespace with a name server and web servers.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

outside_pid=
link=flt$$
story_cleanup() {
  if [[ -n $outside_pid ]]; then kill "$outside_pid" && wait "$outside_pid"; fi
  ip link del "$link" 2>/dev/null
}
outside() { nsenter -t "$outside_pid" -n "$@"; }
outside_is_ready() { [[ $(cat "$work/outside.log") == ready ]]; }
is_elsewhere() { [[ $(readlink "/proc/$outside_pid/ns/net") != "$(readlink /proc/self/ns/net)" ]]; }

note "an outside world at 198.18.77.0/24"
ip link add "$link" type veth peer name outside0 2>/dev/null || skip "no network interfaces can be made here"
# shellcheck disable=SC2016 # for the inner shell
unshare -n sh -c 'until [ -e "$1/go" ]; do sleep 0.05; done; shift; exec python3 "$@"' outside "$work" \
  "$ROOT/tests/integration/support/outside.py" 198.18.77.2 allowed.test=198.18.77.2 other.test=198.18.77.3 deep.wild.test=198.18.77.4 \
  metadata.test=169.254.169.254 >"$work/outside.log" 2>&1 &
outside_pid=$!
wait_until 10 "the outside has a network of its own" is_elsewhere
ip link set outside0 netns "$outside_pid"
ip address add 198.18.77.1/24 dev "$link"
ip link set "$link" up
outside ip link set lo up
outside ip link set outside0 up
for last in 2 3 4; do outside ip address add 198.18.77.$last/24 dev outside0; done
touch "$work/go"
wait_until 10 "the outside answers" outside_is_ready

echo "name_servers = 198.18.77.2" >>"$work/fairlead.conf"
# For the questions that it asks: NAME URL, each told with what came of it and the time.
# shellcheck disable=SC2016 # for the buildpack's shell
make_buildpack asker 'while read -r name url; do
  begin=$(date +%s%N)
  if curl -sS --noproxy "*" --max-time 20 "$url" >/tmp/body 2>/tmp/error; then said=$(cat /tmp/body); else said="failed"; fi
  echo "$name: $said $([ $((($(date +%s%N) - begin) / 1000000)) -lt 3000 ] && echo quick || echo slow)"
done <"$1/questions.txt"'
router_address=198.18.77.1:8099 # nobody else's: the address is this story's
start_server
new_app hello
fairlead config:set -a hello BUILDPACK_URL=asker >/dev/null
write_web_app hello one
cat >"$work/hello/questions.txt" <<TEXT
listed http://allowed.test/
other http://other.test/
below-wildcard http://deep.wild.test/
port http://allowed.test:8080/
address http://198.18.77.3/
metadata http://169.254.169.254/latest/meta-data/
metadata-by-name http://metadata.test/
host http://198.18.77.1:${http_address##*:}/
router http://$router_address/
TEXT

# ask MESSAGE: pushes, and leaves the answers in $transcript.
ask() {
  commit hello "$1"
  push hello
}
says() { assert_contains "$transcript" "$1" "what the build saw"; }

note "full"
ask "Full"
says "listed: from 198.18.77.2:80 quick"
says "other: from 198.18.77.3:80 quick"
says "port: from 198.18.77.2:8080 quick"
says "address: from 198.18.77.3:80 quick"
for name in metadata metadata-by-name host; do says "$name: failed quick"; done
assert_contains "$(grep "router: " <<<"$transcript")" "no such app" "the router's answer to a build"
assert_lacks "$transcript" "Network:" "transcript"

note "a list"
fairlead network:set allow allowed.test,*.wild.test metadata.test -a hello
ask "List"
says "listed: from 198.18.77.2:80 quick"
says "below-wildcard: from 198.18.77.4:80 quick"
for name in other port address metadata metadata-by-name host router; do says "$name: failed quick"; done
says " !     Network: other.test is not on this app's list (network:set)"
for target in 198.18.77.2:8080 198.18.77.3:80 169.254.169.254:80; do says "Network: $target is not on this app's list"; done
assert_lacks "$transcript" "Network: allowed.test" "transcript"

note "a port of a list"
fairlead network:set allow allowed.test:8080 -a hello >/dev/null
ask "Port"
says "listed: failed quick"
says "port: from 198.18.77.2:8080 quick"

note "nothing"
fairlead network:set none -a hello >/dev/null
ask "None"
for name in listed other below-wildcard port address metadata metadata-by-name host router; do says "$name: failed quick"; done
says " !     Network: allowed.test is out of reach: this app's builds have no network (network:set)"
assert_eq "$(fairlead network -a hello --json | jq -r .policy)" none "policy"

note "two apps at a time, each with its own list"
new_app second
fairlead config:set -a second BUILDPACK_URL=asker >/dev/null
fairlead network:set allow other.test -a second >/dev/null
fairlead network:set allow allowed.test -a hello >/dev/null
write_web_app second two
cp "$work/hello/questions.txt" "$work/second/"
commit second "First"
git -C "$work/second" push fairlead HEAD:main >"$work/second.log" 2>&1 </dev/null &
second_pid=$!
ask "Together"
wait "$second_pid" || fail "the second push failed: $(cat "$work/second.log")"
says "listed: from 198.18.77.2:80 quick"
says "other: failed quick"
assert_contains "$(cat "$work/second.log")" "other: from 198.18.77.3:80 quick" "what the second build saw"
assert_contains "$(cat "$work/second.log")" "listed: failed quick" "what the second build saw"
