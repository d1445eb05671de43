#!/usr/bin/env bash
# What the router costs: an app asked directly, through the router, through nginx and through a Caddy that knows this one app and writes
# nothing down, on the same machine; the median of a request on one connection, and how many requests a second go through on 64.
# Environment: FAIRLEAD_BENCH_SECONDS (3 a measurement).
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"
# shellcheck source=tests/integration/support/load.sh
. "$ROOT/tests/integration/support/load.sh"
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"
story_cleanup() {
  [[ ! -e $work/nginx/pid ]] || kill "$(cat "$work/nginx/pid")" || true
  [[ -z ${caddy_pid:-} ]] || kill "$caddy_pid" || true
}

rounds=${FAIRLEAD_BENCH_ROUNDS:-5}
duration=${FAIRLEAD_BENCH_SECONDS:-3}

free_address() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print("127.0.0.1:%d" % s.getsockname()[1])'; }

# The least that Caddy can do in front of the app.
start_caddy() {
  caddy_address=$(free_address)
  mkdir "$work/caddy"
  jq -n --arg listen "$caddy_address" --arg app "$1" '{admin: {disabled: true}, logging: {logs: {default: {level: "ERROR"}}}, apps: {http: {servers:
    {bare: {listen: [$listen], automatic_https: {disable: true}, routes: [{handle: [{handler: "reverse_proxy", upstreams: [{dial: $app}]}]}]}}}}}' >"$work/caddy/config"
  HOME=$work/caddy caddy run --config "$work/caddy/config" >"$work/caddy/log" 2>&1 </dev/null &
  caddy_pid=$!
  wait_until 10 "Caddy answers" curl -sf -o /dev/null "http://$caddy_address/"
}

# An ordinary nginx in front of the app, with kept connections to it.
start_nginx() {
  nginx_address=$(free_address)
  mkdir "$work/nginx"
  cat >"$work/nginx/conf" <<TEXT
pid $work/nginx/pid;
error_log $work/nginx/error.log;
worker_processes auto;
events { worker_connections 1024; }
http {
  access_log off;
  upstream app { server $1; keepalive 128; }
  server {
    listen $nginx_address;
    location / {
      proxy_pass http://app;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host \$host;
      proxy_set_header X-Forwarded-For \$remote_addr;
      proxy_set_header X-Request-Id \$request_id;
    }
  }
}
TEXT
  nginx -c "$work/nginx/conf" -p "$work/nginx"
  wait_until 10 "nginx answers" curl -sf -o /dev/null "http://$nginx_address/"
}

# measure NAME ADDRESS: adds a median in ms to NAME.p50 and requests per second to NAME.rate.
measure() {
  wrk -t1 -c1 -d"${duration}s" --latency -H 'Host: hello.localhost' "http://$2/" >"$work/one"
  awk '$1 == "50%" { v = $2 + 0; print $2 ~ /us$/ ? v / 1000 : $2 ~ /ms$/ ? v : v * 1000 }' "$work/one" >>"$work/$1.p50"
  wrk -t1 -c64 -d"${duration}s" -H 'Host: hello.localhost' "http://$2/" >"$work/many"
  assert_lacks "$(cat "$work/many")" "Non-2xx" "what wrk says"
  awk '/^Requests\/sec/ { print $2 }' "$work/many" >>"$work/$1.rate"
}

start_server
deploy_talk hello >/dev/null
app=$(jq -r .address "$data"/run/processes/hello/*web.1*.json)
start_nginx "$app"
start_caddy "$app"
for round in $(seq "$rounds"); do
  measure direct "$app"
  measure ours "$router_address"
  measure nginx "$nginx_address"
  measure caddy "$caddy_address"
  echo "  round $round of $rounds: p50 $(tail -qn 1 "$work"/{direct,ours,nginx,caddy}.p50 | paste -sd/) ms, $(tail -qn 1 "$work"/{direct,ours,nginx,caddy}.rate | paste -sd/) requests/s (direct/ours/nginx/bare Caddy)"
done
paste "$work/ours.p50" "$work/direct.p50" | awk '{ print $1 - $2 }' >"$work/added"
goal "what the router adds to a request, p50" ms "$work/added" 0.3
row "a request through the router, p50" ms "$work/ours.p50" "$work/nginx.p50" nginx
row "requests through the router, 64 connections" 1/s "$work/ours.rate" "$work/nginx.rate" nginx
row "requests through the router, 64 connections" 1/s "$work/ours.rate" "$work/caddy.rate" "bare Caddy"
row "requests through a bare Caddy, 64 connections" 1/s "$work/caddy.rate" "$work/nginx.rate" nginx
