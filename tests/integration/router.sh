#!/usr/bin/env bash
# What the router lets through and what it says itself, with a real app behind it.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/integration/support/load.sh
. "$ROOT/tests/integration/support/load.sh"

# router_says HOST [CURL WORDS]: status, type and body of what the router answers by itself.
router_says() { curl -sS --max-time 20 -w '\n%{http_code} %{content_type} %header{retry-after}' -H "Host: $1.localhost" "${@:2}" "http://$router_address/"; }
says() { [[ $(router_says hello) == *"$1"* ]]; }
memory_peak_kb() { sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$(cat "$data/run/router/caddy.pid")/status"; }
# What Caddy itself has written to files, its log included.
written_bytes() { sed -n 's/^write_bytes: //p' "/proc/$(cat "$data/run/router/caddy.pid")/io"; }

start_server
note "no such app"
assert_contains "$(router_says hello)" "404 text/plain" "the answer"
assert_contains "$(router_says hello -H 'Accept: text/html')" "<h1>No such app</h1>" "the page"

note "the first processes are being started"
(deploy_talk hello "web: START_MS=5000 ./talk" >"$work/push.log" 2>&1) &
push_pid=$!
wait_until 30 "the page says that the app is starting" says "the app is starting"
assert_contains "$(router_says hello)" "503 text/plain; charset=utf-8 5" "the answer"
assert_contains "$(router_says hello -H 'Accept: text/html')" "<h1>Starting</h1>" "the page"
wait "$push_pid" || fail "the push failed: $(cat "$work/push.log")"
assert_contains "$(page hello)" "dyno=web.1" "the app"
printf 'web: ./talk\n' >"$work/hello/Procfile"
commit hello "Quickly"
push hello

note "what the app gets, and what it answers"
python3 "$ROOT/tests/integration/support/router_checks.py" "$router_address" hello.localhost headers keepalive head http10 long_requests continues refuses trailers \
  streams websocket abandoned || fail "see above"

note "1 GiB in and out, neither in memory nor on disk"
before=$(written_bytes)
python3 "$ROOT/tests/integration/support/router_checks.py" "$router_address" hello.localhost upload download || fail "see above"
note "the router needed $(memory_peak_kb) kB at most, and wrote $(($(written_bytes) - before)) bytes"
(($(memory_peak_kb) < 200000)) || fail "the router took $(memory_peak_kb) kB"
(($(written_bytes) - before < 10000000)) || fail "the router wrote $(($(written_bytes) - before)) bytes"

note "an app that has crashed"
end=$(($(date +%s) + 8))
time_is_over() { (($(date +%s) >= end)); }
# Works until then, and ends at once when it is started again.
printf "web: sh -c '[ \$(date +%%s) -lt %d ] && exec ./talk'\n" "$end" >"$work/hello/Procfile"
commit hello "Crashes"
push hello
wait_until 20 "the app may crash" time_is_over
curl -s -o /dev/null --max-time 1 -H "Host: hello.localhost" "http://$router_address/crash" || true
wait_until 20 "the page says that it has crashed" says "the app's web processes have crashed and will be started again: fairlead logs -a hello"

note "nothing is running, and maintenance"
fairlead ps:scale web=0 -a hello >/dev/null
wait_until 5 "the page says how to start one" says "no web process is running: fairlead ps:scale web=1 -a hello"
assert_contains "$(router_says hello -H 'Accept: text/html')" "<pre>fairlead ps:scale web=1 -a hello</pre>" "the page"
fairlead maintenance:on -a hello >/dev/null
assert_contains "$(router_says hello)" "503 text/plain" "in maintenance"
assert_contains "$(router_says hello -H 'Accept: text/html')" "<h1>Down for maintenance</h1>" "the page"
