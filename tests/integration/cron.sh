#!/usr/bin/env bash
# Cron of app.json: a wrong one fails the push; entries run at their minute and by command, in the release's environment; a run outlives a
# kill of the server and has its end in the history, also when it ended while no server was there; it comes and goes with releases.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

printf 'cron_max = 4\ncron_timeout_s = 600\n' >>"$work/fairlead.conf"

# write_cron ENTRY...: as app.json has them.
write_cron() {
  local IFS=,
  printf '{"cron": [%s]}\n' "$*" >"$work/hello/app.json"
}
run_entry() { fairlead cron:run "$1" --json -a hello | jq -r .process; }
field_of() { fairlead cron:history -n 100 --json -a hello | jq -r ".[] | select(.process == \"$1\") | .$2"; }
has_state() { [[ $(field_of "$1" state) == "$2" ]]; }
in_log() { [[ $(fairlead logs -n 500 -a hello) == *"$1"* ]]; }
ticked() { [[ -n $(fairlead cron:history -n 100 --json -a hello | jq -r '.[] | select(.user == null and .state == "succeeded") | .process') ]]; }
runs() { [[ " $(process_names hello) " == *" $1 "* ]]; }
napping() { [[ -n $(pgrep -f 'sleep 3.14159') ]]; }
woken() { ! napping; }

# shellcheck disable=SC2016 # for the app's shell
tick='{"schedule": "* * * * *", "command": "echo ticked $GREETING as $DYNO"}'
wait='{"schedule": "@yearly", "command": "echo begun; until test -e /tmp/go; do sleep 0.1; done; echo over; exit 3"}'
nap='{"schedule": "@yearly", "command": "sleep 3.14159; exit 5"}'
long='{"schedule": "0 0 1 1 *", "command": "sleep 1000", "timeout": 1}'

start_server
new_app hello
write_web_app hello one

note "a wrong entry fails the push before anything is built"
write_cron "$tick" '{"schedule": "61 * * * *", "command": "true"}'
commit hello "A minute that there is not"
if try_push hello HEAD:main; then fail "the push went through"; fi
assert_contains "$transcript" 'app.json: cron[1]: the schedule "61 * * * *" has the minute "61", which is not from 0 to 59' "transcript"
write_cron "$tick" '{"schedule": "@daily", "command": "true", "timeout": 700}'
commit hello "Too long"
if try_push hello HEAD:main; then fail "the push went through"; fi
assert_contains "$transcript" "app.json: cron[1]: its timeout of 700 s is more than the setting cron_timeout_s allows (600)" "transcript"
assert_contains "$(fairlead cron -a hello)" "hello has no cron" "cron before there is one"

note "what is pushed runs"
write_cron "$tick" "$wait" "$nap" "$long"
commit hello "Cron"
push hello
fairlead config:set "GREETING=good day" -a hello >/dev/null
assert_eq "$(fairlead cron --json -a hello | jq -r 'map(.schedule) | join("; ")')" "* * * * *; @yearly; @yearly; 0 0 1 1 *" "schedules"
assert_contains "$(ssh_git cron -a hello)" "next $(date -u -d 'next year' +%Y)-01-01 00:00Z" "cron over SSH"

note "a run goes on while the server is killed"
first=$(run_entry 2)
wait_until 10 "it runs" runs "$first"
refused 1 fairlead cron:run 2 -a hello
assert_contains "$refusal" "$first still runs" "a second one"
kill9_server
start_server
wait_until 10 "the next server has it" runs "$first"
fairlead ps:exec "$first" touch /tmp/go -a hello
wait_until 10 "its end is in the history" has_state "$first" failed
assert_eq "$(field_of "$first" exit_code)" 3 "its exit code"
wait_until 10 "its lines are in the log" in_log "app[$first]: over"
assert_contains "$(fairlead logs -n 500 --source fairlead -a hello)" "fairlead[cron]: $first exited with status 3" "log"

note "one that ends while no server is there"
second=$(run_entry 3)
wait_until 10 "it sleeps" napping
kill9_server
wait_until 20 "it wakes" woken
start_server
wait_until 10 "its end is in the history" has_state "$second" failed
assert_eq "$(field_of "$second" exit_code)" 5 "its exit code"

note "time and stop"
third=$(run_entry 4)
wait_until 20 "its time is over" has_state "$third" "timed out"
assert_contains "$(field_of "$third" note)" "was ended after 1 s" "why"
fourth=$(run_entry 2)
wait_until 10 "it runs" runs "$fourth"
fairlead run:stop "$fourth" -a hello >/dev/null
wait_until 20 "it is stopped" has_state "$fourth" cancelled

note "a minute has come"
wait_until 75 "the entry of every minute has run" ticked
# Values of config vars are masked there.
assert_contains "$(fairlead logs -n 500 -a hello)" "ticked [GREETING] as cron." "log"

note "suspended over a restart"
fairlead cron:suspend -a hello >/dev/null
stop_server
start_server
assert_contains "$(fairlead cron -a hello)" "suspended" "cron"
assert_eq "$(fairlead cron --json -a hello | jq -r '.[0].next_at')" null "the next time"
fairlead cron:resume -a hello >/dev/null
[[ $(fairlead cron --json -a hello | jq -r '.[0].next_at') == 20* ]] || fail "it has no next time"

note "it comes and goes with releases"
before=$(current_version hello)
rm "$work/hello/app.json"
commit hello "No cron"
push hello
assert_contains "$(fairlead cron -a hello)" "hello has no cron" "cron after a push without it"
fairlead rollback "v$before" -a hello >/dev/null
assert_eq "$(fairlead cron --json -a hello | jq length)" 4 "entries after the rollback"
