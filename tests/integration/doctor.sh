#!/usr/bin/env bash
# fairlead doctor where no server runs, beside one, over SSH, and on a machine that lacks something.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

check() { jq -r --arg check "$1" '[.[] | select(.check == $check)][0].level' <<<"$2"; }

note "without a server"
doctor=("$FAIRLEAD" doctor --data "$work/new" --ssh-listen 127.0.0.1:0 --http-listen 127.0.0.1:0 --router-listen 127.0.0.1:0)
"${doctor[@]}" | sed 's/^/  | /'
report=$("${doctor[@]}" --json)
for each in kernel user-namespaces overlayfs cgroups runtime network router ports; do
  assert_eq "$(check "$each" "$report")" ok "$each"
done
[[ ! -e $work/new ]] || fail "the doctor made the data folder"

note "what is missing is named, with what to do"
mkdir -m 755 "$work/open"
mkdir -m 755 "$work/open/keys"
report=$(PATH=/nowhere "${doctor[@]}" --data "$work/open" --json) && fail "a machine without programs is fit"
assert_eq "$(check router "$report")" fail "router without Caddy"
assert_eq "$(check data "$report")" fail "keys that others may read"
assert_contains "$report" "apt-get install caddy"
assert_contains "$report" "chmod go="

note "beside a server"
start_server
refused 1 "$FAIRLEAD" doctor --data "$work/new" --ssh-listen "$ssh_address"
assert_contains "$refusal" "or set ssh_listen to another port"
fairlead doctor | sed 's/^/  | /'
assert_contains "$(fairlead doctor)" "the server listens"
assert_eq "$(check stacks "$(ssh_git doctor --json)")" ok "stacks"
assert_eq "$(check daemon "$(ssh_git doctor --json)")" ok "the daemon has no rights"
