#!/usr/bin/env bash
# The daemon stops, is killed and starts again while the app serves on; then the app is its to rule as before.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

restarted() { (($(fairlead ps -a hello --json | jq '.[0].restarts') >= 1)); }
has_new_process() { [[ $(page hello 2>/dev/null) == page=* && $(page hello) != "$before" ]]; }

start_server
deploy_web_app hello one
before=$(page hello)
start_load hello

note "stopped by SIGTERM, and started again"
stop_server
assert_eq "$server_status" 0 "exit status of the daemon"
refused 1 fairlead apps
assert_contains "$refusal" "no server is running on" "answer"
assert_eq "$(page hello)" "$before" "page while the daemon is away"
start_server
assert_eq "$(page hello)" "$before" "page: the same process"
assert_eq "$(process_names hello)" web.1 "processes"

note "killed, and started again"
kill9_server
assert_eq "$(page hello)" "$before" "page while the daemon is dead"
start_server
assert_eq "$(page hello)" "$before" "page: the same process"
assert_eq "$(process_names hello)" web.1 "processes"

note "a push works after it"
write_web_app hello two
commit hello "Second"
push hello
stop_load
assert_contains "$(page hello)" "page=two" "page"

note "a process that ends while the daemon watches is started again"
before=$(page hello)
page hello /crash >/dev/null 2>&1 || true
wait_until 15 "the process is started again" has_new_process
wait_until 5 "ps counts it" restarted
assert_contains "$(fairlead ps -a hello)" "status 3" "ps"

note "one that ended while the daemon was away, too"
stop_server
before=$(page hello)
page hello /crash >/dev/null 2>&1 || true
start_server
wait_until 20 "the process is started again" has_new_process

note "two daemons on one folder"
refused 1 "$FAIRLEAD" serve --data "$data" --ssh-listen 127.0.0.1:0 --http-listen 127.0.0.1:0 --router-listen 127.0.0.1:0
assert_contains "$refusal" "already" "answer"
