#!/usr/bin/env bash
# An app's log is one stream: its processes' lines, the requests to it and the platform's words, each once and in order, over a restart and a
# kill of the server, and within its limits.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

story_cleanup() { [[ -z ${follower:-} ]] || kill "$follower" 2>/dev/null; }
printf 'app_log_max_bytes = 262144\n' >>"$work/fairlead.conf"
start_server
new_app hello
# A worker that counts, in steps that it is told by requests to nobody: it goes on while the server is away.
cat >"$work/hello/count.sh" <<'SH'
i=0
while [ $i -lt 6000 ]; do i=$((i + 1)); echo "line $i of the count"; [ $((i % 20)) != 0 ] || sleep 0.1; done
printf 'no newline at the end'
exec sleep 1000
SH
write_web_app hello one
echo 'count: sh count.sh' >>"$work/hello/Procfile"
commit hello "First"
push hello

note "requests are lines of the app, in the words of Heroku's router"
page_status hello '/some/page?x=%22' >/dev/null
curl -sS -o /dev/null -H 'Host: nobody.localhost' "http://$router_address/"
router_says() { [[ $(fairlead logs -a hello --source router) == *'path="/some/page?x=%22"'* ]]; }
wait_until 10 "the request's line" router_says
said=$(fairlead logs -a hello --source router -n 1000)
assert_contains "$said" ' router: at=info method=GET path="/some/page?x=%22" host=hello.localhost' "the line"
assert_contains "$said" 'status=404' "the line"
assert_lacks "$said" nobody "the app's log"
assert_contains "$(fairlead logs -a hello --source fairlead)" 'fairlead[runner]: v2: 1 started' "the platform's words"

note "followed over a stop and a kill of the server, without a gap or a repeat"
fairlead ps:scale count=1 -a hello >/dev/null
counted() { fairlead logs -a hello --ps count -n 20000 | sed -n 's/.*app\[count.1\]: line \([0-9]*\) .*/\1/p'; }
has_counted() { [[ $(counted | tail -n 1) -ge $1 ]]; }
wait_until 20 "the count begins" has_counted 200
stop_server
sleep 2
start_server
wait_until 20 "the count goes on" has_counted 800
kill9_server
sleep 1
start_server
wait_until 60 "the count's end" has_counted 6000
assert_eq "$(fairlead logs -a hello --ps count -n 20000 | sed -n 's/.*app\[count.1\]: line \([0-9]*\) .*/\1/p' | tail -n 3000 | tr '\n' ' ')" "$(seq 3001 6000 | tr '\n' ' ')" "the count"
numbers=$(fairlead logs -a hello -n 20000 --json | jq .number | sort -n | uniq -d)
assert_eq "$numbers" "" "numbers that came twice"

note "within its limit"
flood() { fairlead run --detached -a hello sh -c 'i=0; while [ $i -lt 40 ]; do head -c 60000 /dev/urandom | od -An -tx1 -w64; i=$((i+1)); done; echo the end of it' >/dev/null; }
flood
ended() { [[ $(fairlead logs -a hello --ps run -n 3) == *'the end of it'* ]]; }
wait_until 60 "the flood's end" ended
small() { (($(du -s --block-size=1 "$data/logs/apps/hello/stream" | cut -f 1) < 500000)); }
wait_until 30 "the log is cut" small
assert_contains "$(fairlead logs -a hello --ps run -n 3)" 'the end of it' "the log"

note "under another name"
no_one_off() { [[ $(fairlead ps -a hello) != *run.* ]]; }
wait_until 20 "the flood's process has ended" no_one_off
fairlead apps:rename there -a hello >/dev/null
assert_contains "$(fairlead logs -a there -n 1000)" 'the end of it' "the log"
assert_contains "$(fairlead logs -a there -n 1000)" 'renamed from hello' "the log"
[[ ! -e $data/logs/apps/hello ]] || fail "the old name's log is left: $(ls "$data/logs/apps/hello")"
