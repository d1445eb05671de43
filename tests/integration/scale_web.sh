#!/usr/bin/env bash
# web=2: both processes get requests; web=0: the router says that nothing runs; other types run as many as told.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

dynos_seen() {
  for _ in 1 2 3 4 5 6 7 8 9 10; do page hello | sed 's/.*dyno=\([^ ]*\).*/\1/'; done | sort -u | paste -sd' '
}
both_serve() { [[ $(dynos_seen) == "web.1 web.2" ]]; }

start_server
deploy_web_app hello one
assert_eq "$(process_names hello)" web.1 "processes after the first push"
first=$(page hello)

fairlead ps:scale web=2 -a hello
assert_eq "$(process_names hello)" "web.1 web.2" "processes"
wait_until 5 "both processes serve" both_serve
assert_contains "$(for _ in {1..30}; do page hello; done)" "$first" "web.1 was kept as it was"

note "a deploy keeps the scale"
start_load hello
write_web_app hello two
commit hello "Second"
push hello
assert_eq "$(process_names hello)" "web.1 web.2" "processes"
wait_until 5 "both processes serve" both_serve
assert_contains "$(page hello)" "page=two" "page"

note "scaling down loses no request"
fairlead ps:scale web=1 worker=1 -a hello
stop_load
assert_eq "$(process_names hello)" "web.1 worker.1" "processes"
assert_contains "$(fairlead logs -a hello --ps worker.1)" "worker starts" "log of the worker"

note "nothing runs"
fairlead ps:scale web=0 worker=0 -a hello
assert_eq "$(page_status hello)" 503 "status"
assert_eq "$(process_names hello)" "" "processes"
assert_eq "$(page_status nobody)" 404 "status of an app that is not there"
fairlead ps:scale web=1 -a hello
assert_contains "$(page hello)" "page=two" "page"

note "wrong words"
for words in web=-1 web=x web=1000 web nosuch=1; do
  refused any fairlead ps:scale "$words" -a hello
done
assert_eq "$(process_names hello)" web.1 "processes"
