#!/usr/bin/env bash
# Hostile code, in a build and in a running app: its root is not the host's, it holds no capability and gains none, it sees neither the
# host's processes nor its files nor the daemon's socket, mounts nothing, and does not reach what listens on the host's loopback.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

# check_probe WHERE TEXT
check_probe() {
  local where=$1 told=$2 name
  note "$where:"
  printf '%s\n' "$told" | sed 's/^/  | /'
  has() { grep -qxE "$1" <<<"$told" || fail "$where: expected $1"; }
  has 'uid=[1-9][0-9]*'
  has 'uid-map= ?0 [1-9][0-9]{4,} [0-9]+'
  for name in CapInh CapPrm CapEff CapBnd CapAmb; do has "$name=0+"; done
  has 'NoNewPrivs=1'
  has 'Seccomp=2'
  has 'devices='
  has 'see-own-files=worked'
  has 'own-calls=worked'
  has 'build-folders=[01]'
  assert_lacks "$(grep '^processes=' <<<"$told")" "fairlead serve" "$where: processes"
  assert_lacks "$(grep '^processes=' <<<"$told")" "conmon" "$where: processes"
  assert_eq "$(grep -E '=worked$' <<<"$told" | grep -vE '^(see-own-files|own-calls)=' || true)" "" "$where: attempts that worked"
  (($(grep -c '=refused$' <<<"$told") >= 53)) || fail "$where: the probe did not run to its end"
}

start_server
echo "everybody on the host may read this" >"$work/secret"
chmod 755 "$work" && chmod 644 "$work/secret"

note "another app, and a service on an address of the host"
deploy_web_app victim hello >/dev/null
victim=$(fairlead ps -a victim --json | jq -r '.[0].name') # up
other=$(jq -r '.address // empty' "$data"/run/containers/*/state.json | head -n 1)
port=5000
[[ -n $victim && -n $other ]] || fail "the address of the other app is not known"
curl -sS --noproxy '*' --max-time 5 "http://$other:$port/" >/dev/null || fail "the host does not reach the other app"
host=$(ip -4 -o address show scope global | sed -n 's/.* inet \([0-9.]*\).*/\1/p' | grep -v '^10\.210\.' | head -n 1)
sed -e "s|@DATA@|$data|; s|@SECRET@|$work/secret|; s|@HTTP@|${http_address##*:}|; s|@SSH@|$ssh_port|; s|@PID@|$server_pid|; s|@OTHER@|$other|; s|@PORT@|$port|; s|@HOST@|${host:-127.0.0.2}|" \
  "$ROOT/tests/integration/support/probe.sh" >"$work/probe.sh"
chmod +x "$work/probe.sh"

# shellcheck disable=SC2016 # for the buildpack's shell
make_buildpack prober '"$1/probe.sh" >"$1/told.txt"; sleep 1.5 & echo started; wait'
new_app hello
fairlead config:set -a hello BUILDPACK_URL=prober >/dev/null
write_web_app hello one
cp "$work/probe.sh" "$work/hello/"
commit hello "First"

note "while it builds, its processes belong to nobody on the host"
build_uids() {
  local pid
  for pid in $(pgrep -x sleep); do
    [[ $(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null) != "sleep 1.5 " ]] || sed -n 's/^Uid:\s*\([0-9]*\).*/\1/p' "/proc/$pid/status"
  done 2>/dev/null
}
seen_build() { [[ -n $(build_uids) ]]; }
git -C "$work/hello" push fairlead HEAD:main >"$work/push.log" 2>&1 </dev/null &
push_pid=$!
wait_until 60 "the build runs" seen_build
for uid in $(build_uids); do ((uid >= 65536)) || fail "a process of the build is uid $uid on the host"; done
wait "$push_pid" || fail "the push failed: $(cat "$work/push.log")"

fairlead slugs:download -a hello -o "$work/tmp/slug.tgz"
check_probe "in the build" "$(tar xzOf "$work/tmp/slug.tgz" ./app/told.txt)"
check_probe "in the app" "$(page hello '/run?probe.sh')"

note "on the host"
for file in "$data"/run/containers/*/state.json; do
  for pid in $(jq -r '.. | .pid? // empty' "$file" | sort -u); do
    [[ $(tr '\0' ' ' <"/proc/$pid/cmdline") != *conmon* ]] || continue
    while read -r _ uid _; do
      ((uid >= 65536)) || fail "process $pid of the app is uid $uid on the host"
    done < <(grep '^Uid:' "/proc/$pid/status")
  done
done
assert_eq "$(stat -c %a "$data/fairlead.sock")" 600 "mode of the daemon's socket"
assert_eq "$(stat -c %a "$data/keys")" 700 "mode of the keys' folder"
