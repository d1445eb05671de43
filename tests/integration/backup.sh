#!/usr/bin/env bash
# A backup made while releases are made and the app is pushed; a server that starts from it elsewhere, and goes on. No part of a backup is
# taken for a whole one.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

start_server
deploy_web_app hello one
fairlead config:set SECRET=sealed -a hello >/dev/null
token=$(fairlead tokens:create --json | jq -r .token)
skopeo copy -q --src-tls-verify=false --dest-tls-verify=false --dest-creds "me:$token" "docker://$http_address/hello:v2" "docker://$http_address/tools/mine:1"
first=$(fairlead releases:info v2 -a hello --json | jq -r .image_digest)
write_web_app hello two
commit hello "Second"
push hello

note "backups beside releases and pushes"
start_releases hello
write_web_app hello "pushed meanwhile"
commit hello "Third"
push hello >/dev/null &
pushing=$!
fairlead backup "$work/local.backup" | sed 's/^/  | /'
assert_eq "$(stat -c %a "$work/local.backup")" 600 "mode of a backup"
ssh_git backup - >"$work/ssh.backup" 2>/dev/null
FAIRLEAD_URL=http://$http_address FAIRLEAD_TOKEN=$token "$FAIRLEAD" backup "$work/http.backup" >/dev/null 2>&1
wait "$pushing" || fail "a push failed beside the backup"
stop_releases
tar -tf "$work/local.backup" >/dev/null || fail "tar cannot read a backup"
for each in ssh http; do "$FAIRLEAD" restore "$work/$each.backup" --data "$work/by-$each" 2>/dev/null; done | sed 's/^/  | /'

note "one that is cut off, or a byte of it wrong, is none"
head -c 1000000 "$work/local.backup" >"$work/cut.backup"
refused 1 "$FAIRLEAD" restore "$work/cut.backup" --data "$work/none"
assert_contains "$refusal" "this is no whole backup"
cp "$work/local.backup" "$work/flipped.backup"
printf 'X' | dd of="$work/flipped.backup" bs=1 seek=300000 conv=notrunc status=none
refused 1 "$FAIRLEAD" restore "$work/flipped.backup" --data "$work/none"
assert_contains "$refusal" "the backup is damaged"
refused 1 "$FAIRLEAD" restore "$work/local.backup" --data "$data"
assert_contains "$refusal" "is not an empty folder"
refused 2 "$FAIRLEAD" restore "$work/local.backup"
mkdir -p "$work/half/.restoring"
refused 1 "$FAIRLEAD" serve --data "$work/half" --ssh-listen 127.0.0.1:0 --http-listen 127.0.0.1:0 --router-listen 127.0.0.1:0
assert_contains "$refusal" "did not end"

note "a server that starts from it"
fairlead server:stop --all >/dev/null
end_of_server 60
mv "$data" "$work/lost"
"$FAIRLEAD" restore "$work/local.backup" --data "$data" 2>/dev/null | sed 's/^/  | /'
start_server
wait_until 60 "the app is up again" page hello >/dev/null
kept=$(current_version hello)
assert_eq "$(fairlead config:get SECRET -a hello)" sealed "a config var"
deployed=$(fairlead builds -a hello --json | jq -r '[.[] | select(.status == "succeeded")][0].source_blob.version')
assert_eq "$(deployed_commit hello)" "$deployed" "deployed commit"
git clone -q "ssh://git@localhost:$ssh_port/hello.git" "$work/again"
git -C "$work/again" fsck --full --strict 2>&1 | sed 's/^/  | /'
assert_eq "$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$http_address/tools/mine:1")" "$first" "image that was pushed"
skopeo copy -q --src-tls-verify=false "docker://$http_address/hello:v2" "oci:$work/pulled:v2"
assert_contains "$(fairlead builds:output 1 -a hello)" "Launching" "the log of a build"
fairlead registry:scrub | sed 's/^/  | /'
note "and goes on from $kept"
fairlead rollback v2 -a hello >/dev/null
assert_contains "$(page hello)" "page=one" "page after a rollback"
write_web_app hello four
commit hello "Fourth"
push hello HEAD:main --force
assert_contains "$(page hello)" "page=four" "page after a push"
