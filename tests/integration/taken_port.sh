#!/usr/bin/env bash
# A start with a port that is taken says so in one sentence that names the setting, and leaves nothing running: no router either.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

story_cleanup() { [[ -z ${holder:-} ]] || kill "$holder" 2>/dev/null; }

python3 -c 'import socket, sys, time
taken = socket.create_server(("127.0.0.1", 0))
print(taken.getsockname()[1], flush=True)
time.sleep(600)' >"$work/port" &
holder=$!
wait_until 10 "a port is taken" test -s "$work/port"
taken=127.0.0.1:$(cat "$work/port")

# starts_not SETTING FLAG: with that address taken.
starts_not() {
  refused 1 "$FAIRLEAD" serve --data "$data" --config "$work/fairlead.conf" --ssh-listen 127.0.0.1:0 --http-listen 127.0.0.1:0 \
    --router-listen 127.0.0.1:0 "$2" "$taken"
  assert_eq "$(grep -v ' info ' <<<"$refusal")" "fairlead: cannot listen on $taken: address already in use; choose another with $1" "answer"
  assert_eq "$(processes_of_data)" "" "what is left running"
  [[ ! -e $data/ready.json ]] || fail "it says that it is ready"
}

starts_not ssh_listen --ssh-listen
starts_not http_listen --http-listen
start_server
assert_contains "$(ssh_git version)" "fairlead" "the server on free ports"
