#!/usr/bin/env bash
# The processes of an app reach each other by name, also after a deploy and a crash, and one-off processes and those of cron reach them; those of
# another app do not.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

# An app whose worker answers on a port of its own, and whose web process asks it.
network_app() {
  new_app "$1"
  write_web_app "$1" "$1"
  # shellcheck disable=SC2016 # for the app's shell
  printf 'web: ./web\nworker: PORT=7000 ./web\n' >"$work/$1/Procfile"
  # shellcheck disable=SC2016 # for the app's shell
  printf '#!/bin/bash\nexec 3<>/dev/tcp/$(cat /tmp/ask 2>/dev/null || echo worker.1)/7000 && printf "GET / HTTP/1.1\\r\\n\\r\\n" >&3 && timeout 2 cat <&3 | tail -n 1\n' >"$work/$1/ask"
  chmod 755 "$work/$1/ask"
  echo '{"cron": [{"schedule": "@yearly", "command": "./ask"}]}' >"$work/$1/app.json"
  commit "$1" "First"
  push "$1"
  fairlead ps:scale worker=1 -a "$1" >/dev/null
}
answers() { [[ $(page "$1" '/run?ask') == "page=$1 dyno=worker.1 port=7000"* ]]; }
is_new() { answers one && [[ $(page one '/run?ask') != "$before" ]]; }

start_server
network_app one
network_app two
wait_until 10 "one's worker answers one's web process" answers one
wait_until 10 "two's worker answers two's web process" answers two

note "after a deploy and after a crash"
before=$(page one '/run?ask')
fairlead ps:restart -a one >/dev/null
wait_until 10 "the new one answers" is_new
before=$(page one '/run?ask')
fairlead ps:restart worker.1 -a one >/dev/null
wait_until 10 "the next one answers" is_new

note "another app's processes are out of reach"
# shellcheck disable=SC2016 # for the app's shell
address=$(fairlead ps:exec worker.1 -a one -- sh -c 'hostname -i 2>/dev/null || grep worker-1 /etc/hosts | cut -f1' </dev/null | tr -dc '0-9.')
[[ $address == 10.* ]] || fail "no address: $address"
fairlead ps:exec web.1 -a two -- sh -c "echo $address >/tmp/ask" </dev/null
assert_lacks "$(page two '/run?ask' || true)" "dyno=worker.1" "answer from another app's process"
fairlead ps:exec web.1 -a one -- sh -c "echo $address >/tmp/ask" </dev/null
assert_contains "$(page one '/run?ask')" "dyno=worker.1" "answer from the own one, by address"

note "a one-off process and one of cron reach the own ones"
assert_contains "$(fairlead run ./ask -a one </dev/null)" "page=one dyno=worker.1 port=7000" "answer to a one-off process"
assert_contains "$(fairlead run -a one -- cat /etc/hosts </dev/null)" "worker.1.one.internal" "names for a one-off process"
fairlead cron:run 1 -a one >/dev/null
cron_says() { [[ $(fairlead logs -a one --ps cron.1) == *"page=one dyno=worker.1 port=7000"* ]]; }
wait_until 20 "the answer to a run of cron" cron_says
assert_lacks "$(fairlead run -a two -- sh -c "echo $address >/tmp/ask; ./ask" </dev/null || true)" "dyno=worker.1" "answer to another app's one-off process"

note "also when the server has been away, and no more when it has ended"
# shellcheck disable=SC2016 # for the app's shell
fairlead run --detached -a one -- sh -c 'i=0; while :; do i=$((i + 1)); echo "$i $(./ask)"; sleep 0.1; done' >/dev/null
said() { fairlead logs -a one --ps run.1 -n 1000 | sed -n 's/.*: \([0-9]*\) page=one dyno=worker.1 .*/\1/p' | tail -n 1; }
has_said() { (($(said) > $1)); }
wait_until 20 "its first answers" has_said 3
kill9_server
start_server
wait_until 20 "one's worker is there" answers one
wait_until 20 "its later answers" has_said $(($(said) + 20))
rules() { iptables-save | grep -c "$1" || true; }
peer=$(fairlead ps:exec run.1 -a one -- sh -c "sed -n 's/^\([0-9.]*\)\trun-1\$/\1/p' /etc/hosts" </dev/null | tr -dc '0-9.')
[[ $peer == 10.* ]] || fail "no address: $peer"
(($(rules "$peer/32") > 0)) || fail "no rule for $peer"
fairlead run:stop run.1 -a one >/dev/null
no_rule() { (($(rules "$peer/32") == 0)); }
wait_until 30 "its address is in no rule" no_rule
