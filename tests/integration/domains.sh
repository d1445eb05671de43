#!/usr/bin/env bash
# An app is served at hosts of its own and at everything below a domain, over restarts; in maintenance it answers with a page of that. A host
# belongs to one app, and the server's own hosts to nobody.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

start_server
deploy_web_app hello one
fairlead apps:create other >/dev/null

# at HOST [PATH]: what the router answers, with the status in the last line.
at() { curl -sS -H "Host: $1" -w '\n%{http_code}' "http://$router_address${2:-/}"; }
status_at() { at "$@" | tail -n 1; }

assert_eq "$(status_at www.example.com)" 404 "before the domain"
fairlead domains:add WWW.Example.com. -a hello >/dev/null
assert_eq "$(status_at www.example.com)" 200 "at the domain"
assert_eq "$(status_at WWW.EXAMPLE.COM)" 200 "in upper case"
assert_eq "$(at www.example.com | head -n 1)" "$(page hello)" "the page"
fairlead domains:add 'bücher.example' -a hello >/dev/null
assert_eq "$(status_at xn--bcher-kva.example)" 200 "in punycode"

note "a wildcard is one level, and a host of its own comes before it"
fairlead domains:add '*.example.com' -a other >/dev/null
assert_eq "$(status_at www.example.com)" 200 "the host of its own"
assert_eq "$(status_at shop.example.com)" 404 "other was never deployed"
fairlead domains:remove '*.example.com' -a other >/dev/null
fairlead domains:add '*.example.com' -a hello >/dev/null
assert_eq "$(status_at shop.example.com)" 200 "below the wildcard"
assert_eq "$(status_at a.shop.example.com)" 404 "two levels below"
assert_eq "$(status_at example.com)" 404 "the domain itself"

note "who has a host is nobody's business"
refused 1 fairlead domains:add www.example.com -a other
assert_contains "$refusal" "in use" "the refusal"
assert_lacks "$refusal" "hello" "the refusal"
refused 1 fairlead domains:remove www.example.com -a other
for host in localhost hello.localhost x.y.localhost 127.0.0.1 nodots '*' '*.com' 'a b.c' 'http://a.b' 'a..b'; do
  refused 1 fairlead domains:add "$host" -a other
done
assert_eq "$(fairlead domains -a hello --json | jq -r '[.[] | select(.kind == "custom").hostname] | join(" ")')" "*.example.com www.example.com xn--bcher-kva.example" "domains"

note "maintenance"
fairlead maintenance:on -a hello >/dev/null
for host in www.example.com shop.example.com hello.localhost; do
  assert_eq "$(status_at "$host")" 503 "$host in maintenance"
done
assert_contains "$(at www.example.com)" "maintenance" "the page"
assert_contains "$(fairlead maintenance -a hello)" "on" "maintenance"

note "a restart keeps both, without a moment in between"
start_maintenance_watch() {
  while [[ -e $work/tmp/watching ]]; do
    status_at www.example.com
    echo
  done >"$work/tmp/seen"
}
touch "$work/tmp/watching"
start_maintenance_watch &
watch=$!
stop_server
start_server
sleep 1
rm "$work/tmp/watching"
wait "$watch"
assert_eq "$(sort -u "$work/tmp/seen")" 503 "what was answered meanwhile"
fairlead maintenance:off -a hello >/dev/null
assert_eq "$(status_at www.example.com)" 200 "after maintenance"
assert_eq "$(status_at shop.example.com)" 200 "after maintenance"

fairlead domains:remove www.example.com -a hello >/dev/null
fairlead domains:remove '*.example.com' -a hello >/dev/null
assert_eq "$(status_at www.example.com)" 404 "after it was removed"
refused 1 fairlead domains:remove www.example.com -a hello
note "what an app had is free when it is gone"
fairlead apps:destroy -a hello --confirm hello >/dev/null
fairlead domains:add 'bücher.example' -a other >/dev/null
