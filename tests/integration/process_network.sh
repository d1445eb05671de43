#!/usr/bin/env bash
# The processes of an app reach each other by name, also after a deploy and a crash; those of another app do not.
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
