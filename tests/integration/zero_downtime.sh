#!/usr/bin/env bash
# Deploys, config changes, scaling, restarts and rollbacks under load: nothing that a client asked for fails, whether it is short, an
# upload, a stream or a websocket. What is taken out of the routes serves out what it was asked, for drain_max_s at most.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/integration/support/load.sh
. "$ROOT/tests/integration/support/load.sh"
story_cleanup() { stop_traffic_for_good; }

stopping_count() { fairlead ps -a hello --json | jq '[.[] | select(.state == "stopping")] | length'; }
nothing_stops() { [[ $(stopping_count) == 0 ]]; }
seconds_since() { echo $((($(date +%s%N) - $1) / 1000000)); }

start_server
deploy_talk hello

note "changes under load"
start_traffic hello.localhost keep=100 fresh=100 socket=4 upload=4 stream=4 long=5
for round in {1..8}; do
  fairlead config:set "ROUND=$round" -a hello >/dev/null
  fairlead ps:scale "web=$((round % 3 + 2))" -a hello >/dev/null
  fairlead ps:restart -a hello >/dev/null
  fairlead ps:scale web=1 -a hello >/dev/null
  fairlead rollback -a hello >/dev/null
done
commit hello "Second"
push hello
stop_traffic
assert_traffic keep=700 fresh=700 socket=8 upload=8 stream=8

note "a process that is asked nothing stops soon"
wait_until 10 "what served out is gone" nothing_stops
page hello >/dev/null
start=$(date +%s%N)
fairlead config:set IDLE=1 -a hello >/dev/null
wait_until 10 "the idle process is gone" nothing_stops
note "an idle process was gone $(seconds_since "$start") ms after config:set began"
(($(seconds_since "$start") < 5000)) || fail "an idle process took too long to stop"

note "drain_max_s ends what does not end"
stop_server
echo "drain_max_s = 3" >>"$work/fairlead.conf"
start_server
curl -sN --max-time 60 -H "Host: hello.localhost" "http://$router_address/events?1000,100" >"$work/events" &
stream=$!
wait_until 10 "the stream has begun" test -s "$work/events"
start=$(date +%s%N)
fairlead config:set LONG=1 -a hello >/dev/null
wait "$stream" || true
took=$(seconds_since "$start")
note "a stream without an end was cut off after $took ms"
((took >= 3000 && took < 10000)) || fail "the stream ended after $took ms"
wait_until 10 "its process is gone" nothing_stops
