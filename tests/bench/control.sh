#!/usr/bin/env bash
# The control API: one app 1,000 times a second, a list of 50 releases among 1,000 apps of 100 releases, a change of config vars with its release and image. Times are a client's, on
# this machine, over a connection that is open already: an upper bound of the server's. What they are held against is what they are to be below (or above).
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"

rounds=${FAIRLEAD_BENCH_ROUNDS:-5}
apps=1000
releases=100

# Rows as the server writes them, without its help: making 100,000 releases by requests would take an hour. The triggers that tell of them call functions
# of the server's, so they are away meanwhile.
fill() {
  local triggers drops
  triggers=$(sqlite3 "$data/fairlead.db" "SELECT sql || ';' FROM sqlite_master WHERE type = 'trigger'")
  drops=$(sqlite3 "$data/fairlead.db" "SELECT 'DROP TRIGGER ' || name || ';' FROM sqlite_master WHERE type = 'trigger'")
  sqlite3 "$data/fairlead.db" <<SQL
PRAGMA foreign_keys = ON;
$drops
BEGIN;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $apps)
INSERT INTO apps (uuid, name, stack, owner, last_version, created_at) SELECT printf('00000000-0000-4000-8000-%012d', i), printf('bench-%04d', i), 'debian-12', 'admin', $releases, 0 FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $releases)
INSERT INTO releases (uuid, app, version, stack, description, user, state, created_at)
  SELECT printf('%08d-0000-4000-9000-%012d', n.i, apps.id), apps.id, n.i, 'debian-12', 'Set KEY' || n.i || ' config vars', 'admin', 'succeeded', n.i
  FROM apps, n WHERE apps.name LIKE 'bench-%';
COMMIT;
$triggers
SQL
}

# times FILE COUNT CURL-ARGUMENTS...: of COUNT requests over one connection, the median in ms is added to FILE.
times() {
  local file=$1 count=$2 i arguments=()
  shift 2
  for ((i = 0; i < count; i++)); do
    ((i == 0)) || arguments+=(--next)
    arguments+=(-sS -o /dev/null -w '%{time_starttransfer} %{time_pretransfer}\n' -H "Authorization: Bearer $token" "${@//@I@/$RANDOM$i}")
  done
  curl "${arguments[@]}" | awk '{ printf "%.3f\n", ($1 - $2) * 1000 }' >"$work/times"
  median "$work/times" >>"$file"
}

start_server
stop_server
fill
echo "api_requests_per_hour = 0" >>"$work/fairlead.conf"
start_server
token=$(fairlead tokens:create --json | jq -r .token)
deploy_web_app hello one
fairlead ps:scale web=0 -a hello >/dev/null
for round in $(seq "$rounds"); do
  wrk -t 1 -c 4 -d 3s -H "Authorization: Bearer $token" "http://$http_address/apps/hello" >"$work/wrk"
  awk '/^Requests\/sec/ { print $2 }' "$work/wrk" >>"$work/get"
  times "$work/list" 40 -H "Range: version ..; max=50, order=desc" "http://$http_address/apps/bench-0500/releases"
  times "$work/set" 20 -X PATCH -d '{"KEY": "value @I@"}' "http://$http_address/apps/hello/config-vars"
  times "$work/rollback" 20 -X POST -d '{"release": "v2"}' "http://$http_address/apps/hello/releases"
  printf '  round %s of %s: GET /apps/A %s req/s, 50 releases %s ms, config:set %s ms, rollback %s ms\n' "$round" "$rounds" "$(tail -n 1 "$work/get")" \
    "$(tail -n 1 "$work/list")" "$(tail -n 1 "$work/set")" "$(tail -n 1 "$work/rollback")"
done
echo 1000 >"$work/wanted"
row "GET /apps/A, 4 clients" req/s "$work/get" "$work/wanted" target
goal "50 releases among $apps apps of $releases" ms "$work/list" 5
goal "config:set to release and image" ms "$work/set" 15
goal "rollback to release and image" ms "$work/rollback" 15
