#!/usr/bin/env bash
# The incremental backup of docs/operations.md, taken while releases are made, and a server that starts from it.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

back_up_database() { sqlite3 "$data/fairlead.db" "VACUUM INTO '$work/backup/fairlead.db.new'" && mv "$work/backup/fairlead.db.new" "$work/backup/fairlead.db"; }
back_up_files() {
  rsync -a --exclude=/blobs/uploads --exclude=/blobs/sessions --exclude='/repos/*/quarantine' --exclude='/repos/*/ref-transactions' \
    "$data/repos" "$data/blobs" "$data/keys" "$work/backup/" || [[ $? == 24 ]]
}

has_second_page() { [[ $(page hello 2>/dev/null) == *page=two* ]]; }

if ! command -v sqlite3 || ! command -v rsync; then skip "no sqlite3 or no rsync here"; fi >/dev/null
start_server
deploy_web_app hello one
first=$(fairlead releases:info v2 -a hello --json | jq -r .image_digest)
token=$(fairlead tokens:create --json | jq -r .token)
skopeo copy -q --src-tls-verify=false --dest-tls-verify=false --dest-creds "me:$token" "docker://$http_address/hello:v2" "docker://$http_address/tools/mine:1"

note "two backups, with releases under way"
mkdir "$work/backup"
start_releases hello
back_up_database
back_up_files
write_web_app hello two
commit hello "Second"
push hello
back_up_database
write_web_app hello "not in the database"
commit hello "Between the two steps"
push hello
back_up_files
stop_releases
kept=$(sqlite3 "$work/backup/fairlead.db" "SELECT max(version) FROM releases")
deployed=$(sqlite3 "$work/backup/fairlead.db" "SELECT commit_id FROM builds WHERE state = 'succeeded' ORDER BY id DESC LIMIT 1")
fairlead server:stop --all >/dev/null
end_of_server 60

note "a server that starts from it"
mv "$data" "$work/lost"
mkdir -m 700 "$data"
cp -a "$work/backup/." "$data/"
start_server
wait_until 60 "the app is up again" has_second_page
assert_eq "$(current_version hello)" "$kept" "current release"
assert_eq "$(deployed_commit hello)" "$deployed" "deployed commit"
git clone -q "ssh://git@localhost:$ssh_port/hello.git" "$work/again"
assert_eq "$(git -C "$work/again" rev-parse HEAD)" "$deployed" "commit of a clone"
assert_eq "$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$http_address/tools/mine:1")" "$first" "image that was pushed"
skopeo copy -q --src-tls-verify=false "docker://$http_address/hello:v2" "oci:$work/pulled:v2"
fairlead registry:scrub | sed 's/^/  | /'
note "and goes on"
fairlead rollback v2 -a hello >/dev/null
assert_contains "$(page hello)" "page=one" "page after a rollback"
write_web_app hello three
commit hello "Third"
push hello
assert_contains "$(page hello)" "page=three" "page after a push"
