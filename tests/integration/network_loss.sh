#!/usr/bin/env bash
# A pusher whose network goes away, without a word to the server: the build goes on to its end and is released; who pushes the same commit
# meanwhile attaches to it. An app may have such builds cancelled.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

command -v iptables >/dev/null || skip "no iptables"

# shellcheck disable=SC2016 # for the buildpack's shell
make_buildpack slow '
end=$((SECONDS + 12)); echo "-----> Slowly"
while ((SECONDS < end)); do
  if [ "$(cat "$3/MODE")" = flooding ]; then yes 0123456789012345678901234567890123456789 | head -c 300000; fi
  sleep 0.2
done'

newest_build() { fairlead builds -a hello --json | jq -r ".[0].$1"; }
building() { [[ $(newest_build number) == "$pushed" && $(fairlead builds:output -a hello 2>/dev/null | head -c 2000 || true) == *"Slowly"* ]]; }
build_is() { [[ $(newest_build state) == "$1" ]]; }
deployed() { [[ $(deployed_commit hello) == "$1" ]]; }

cut_ports=()
rules() {
  local port
  for port in "${cut_ports[@]}"; do
    iptables "$1" INPUT -i lo -p tcp --sport "$port" --dport "$ssh_port" -j DROP
    iptables "$1" INPUT -i lo -p tcp --sport "$ssh_port" --dport "$port" -j DROP
  done
}
cut_network() {
  mapfile -t cut_ports < <(ss -Htn state established "( dport = :$ssh_port )" | awk '{sub(".*:", "", $3); print $3}')
  ((${#cut_ports[@]} > 0)) || fail "there is no connection to cut"
  rules -I
}
mend_network() {
  rules -D
  cut_ports=()
}
story_cleanup() { mend_network; }

# start_push MODE: of a new commit, until the build runs.
start_push() {
  fairlead config:set -a hello "MODE=$1" >/dev/null
  pushed=$((pushed + 1))
  write_web_app hello "page $pushed"
  commit hello "Commit $pushed"
  setsid git -C "$work/hello" push fairlead HEAD:main >"$work/push.log" 2>&1 </dev/null &
  push_pid=$!
  wait_until 30 "the $1 build runs" building
}
end_push() {
  kill -KILL -- "-$push_pid"
  wait "$push_pid" && fail "the push without a network succeeded"
  mend_network
}

pushed=0
echo "ssh_keepalive_s = 1" >>"$work/fairlead.conf"
start_server
new_app hello
fairlead config:set -a hello BUILDPACK_URL=slow >/dev/null

for mode in silent flooding; do
  note "$mode"
  start_push "$mode"
  cut_network
  wait_until 60 "the build ends without its pusher" deployed "$(git -C "$work/hello" rev-parse HEAD)"
  build_is succeeded || fail "the build is $(newest_build state)"
  end_push
done

note "an app that wants its builds to end then"
fairlead features:enable cancel-when-lost -a hello >/dev/null
start_push silent
cut_network
wait_until 20 "the build is cancelled" build_is cancelled
end_push
fairlead features:disable cancel-when-lost -a hello >/dev/null

note "the same commit, from elsewhere, while the first pusher is lost"
start_push silent
cut_network
push hello
assert_contains "$transcript" "being built already (build $pushed)" "transcript"
assert_contains "$transcript" "deployed to Fairlead" "transcript"
end_push
assert_contains "$(page hello)" "page=page $pushed" "page"
