#!/usr/bin/env bash
# Checks from app.json and from the command line: a new process that fails its startup check fails the deploy, one that is not ready gets no
# requests, one that is not well is replaced.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

# On which process does a request run this?
run_on() { curl -sS -H "Host: hello.localhost" "http://$1/run?$2" >/dev/null; }
address_of() { fairlead ps -a hello --json | jq -r ".[] | select(.name == \"$1\" and .state == \"up\") | .address"; }
ready_of() { fairlead ps -a hello --json | jq -r ".[] | select(.name == \"$1\" and .state == \"up\") | .ready"; }
restarts_of() { fairlead ps -a hello --json | jq -r ".[] | select(.name == \"$1\" and .state == \"up\") | .restarts"; }
is_ready() { [[ $(ready_of "$1") == "$2" ]]; }
has_restarted() { [[ $(restarts_of "$1") == 1 ]]; }
dynos() { for _ in {1..12}; do page hello | sed 's/.*dyno=\([^ ]*\).*/\1/'; done | sort -u | paste -sd' '; }
serve_are() { [[ $(dynos) == "$1" ]]; }
log_has() { [[ $(fairlead logs -n 100 --source fairlead -a hello) == *"$1"* ]]; }

scripts() {
  # shellcheck disable=SC2016 # for the app's shell
  printf '#!/bin/sh\ntouch /tmp/sick; echo sick\n' >"$work/hello/sick"
  printf '#!/bin/sh\nrm -f /tmp/sick; echo well\n' >"$work/hello/well"
  chmod 755 "$work/hello/sick" "$work/hello/well"
}

start_server
new_app hello
write_web_app hello one
scripts

note "a wrong check fails the push before anything is built"
printf '{"healthchecks": {"web": [{"path": "health"}]}}\n' >"$work/hello/app.json"
commit hello "A path without its slash"
if try_push hello HEAD:main; then fail "the push went through"; fi
assert_contains "$transcript" "app.json: healthchecks.web[0].path is not a path that begins with /" "transcript"

note "a startup check of app.json"
printf '{"healthchecks": {"web": [{"path": "/health", "wait": 1}]}}\n' >"$work/hello/app.json"
commit hello "A startup check"
push hello
assert_contains "$(fairlead checks -a hello)" "GET /health" "checks"
before=$(page hello)
# shellcheck disable=SC2016 # for the app's shell
printf 'web: touch /tmp/sick && echo sick from the start && ./web\n' >"$work/hello/Procfile"
commit hello "Sick"
if try_push hello HEAD:main; then fail "the push of what is sick went through"; fi
assert_contains "$transcript" "web.1 startup check failed: GET /health answered 404 3 times one after the other" "transcript"
assert_contains "$transcript" "sick from the start" "transcript"
assert_eq "$(page hello)" "$before" "page"
write_web_app hello two
commit hello "Well again"
push hello

note "readiness, set by command, counts at once and starts nothing anew"
fairlead ps:scale web=2 -a hello >/dev/null
wait_until 5 "both serve" serve_are "web.1 web.2"
started=$(curl -sS -H "Host: hello.localhost" "http://$(address_of web.1)/")
fairlead checks:set web readiness --path /health --wait 1 --attempts 2 -a hello
run_on "$(address_of web.1)" sick
wait_until 15 "web.1 is not ready" is_ready web.1 false
assert_eq "$(dynos)" web.2 "who serves"
assert_contains "$(fairlead ps -a hello)" "not ready: readiness check failed: GET /health answered 404 2 times" "ps"
wait_until 5 "the log says so" log_has "web.1 gets no requests: its readiness check failed"
run_on "$(address_of web.1)" well
wait_until 15 "web.1 is ready" is_ready web.1 true
assert_eq "$(dynos)" "web.1 web.2" "who serves"
assert_eq "$(curl -sS -H "Host: hello.localhost" "http://$(address_of web.1)/")" "$started" "web.1's first words"

note "liveness"
fairlead checks:set web liveness --path /health --wait 1 --attempts 2 -a hello >/dev/null
fairlead checks:set web readiness --none -a hello >/dev/null
run_on "$(address_of web.2)" sick
wait_until 30 "web.2 is another one" has_restarted web.2
assert_eq "$(restarts_of web.1)" 0 "restarts of web.1"
assert_contains "$(fairlead ps -a hello)" "last was replaced: its liveness check failed: GET /health answered 404" "ps"
wait_until 5 "the log says so" log_has "web.2 is replaced: its liveness check failed"

note "a command in the container"
fairlead checks:set web liveness --command 'test ! -e /tmp/sick' --wait 1 --attempts 1 -a hello >/dev/null
run_on "$(address_of web.1)" sick
wait_until 30 "web.1 is another one" has_restarted web.1
assert_contains "$(fairlead ps -a hello)" "the command test ! -e /tmp/sick ended with exit status 1" "ps"

note "checks survive a restart of the server, and go as they came"
stop_server
start_server
assert_contains "$(fairlead checks -a hello)" "the command test ! -e /tmp/sick" "checks"
fairlead checks:unset web liveness -a hello >/dev/null
assert_lacks "$(fairlead checks -a hello)" "liveness" "checks"
refused 1 fairlead checks:unset web liveness -a hello
