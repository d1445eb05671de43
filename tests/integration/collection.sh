#!/usr/bin/env bash
# Garbage collection: what no release, image or upload needs goes, by command and while pushes go on; what is kept can be pulled, whole, and what
# is gone says so.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

cat >>"$work/fairlead.conf" <<TEXT
gc_keep_releases = 2
gc_keep_days = 0
gc_grace_s = 0
gc_lease_s = 4
gc_interval_s = 0
TEXT

names() { jq -r ".[] | select(.kind == \"$1\") | .name" | sort | paste -sd ' '; }
tags_of() { skopeo list-tags --tls-verify=false "docker://$http_address/$1" | jq -r '.Tags | sort | join(" ")'; }
# Every blob of an image is fetched, and skopeo compares its digest.
pull() { rm -rf "$work/pulled" && skopeo copy -q --src-tls-verify=false "docker://$http_address/$1" "dir:$work/pulled"; }
# Collects, and is true when nothing is left to go: what was stored or asked for just now waits for the end of its lease.
all_gone() {
  fairlead gc --json >>"$work/gone"
  [[ $(fairlead gc --plan --json | jq length) == 0 ]]
}
v3_went() { fairlead gc >>"$work/went" && grep -q "hello v3" "$work/went"; }
blob_count() { find "$data/blobs/sha256" -type f | wc -l; }

story_cleanup() { rm -f "$work/collecting"; }

start_server
new_app hello
for round in one two three; do
  write_web_app hello "$round"
  commit hello "$round"
  push hello
done
assert_eq "$(tags_of hello | tr ' ' '\n' | grep -c ^v)" 3 "images"
before=$(blob_count)

note "a plan changes nothing"
plan=$(fairlead gc --plan --json)
assert_eq "$(names release <<<"$plan")" "hello v2" "releases to go"
assert_contains "$(fairlead gc --plan)" "Nothing is removed yet" "plan"
assert_eq "$(blob_count)" "$before" "blobs after the plan"

note "what is not kept goes"
wait_until 20 "nothing is left to go" all_gone
gone=$(jq -s add "$work/gone")
assert_eq "$(names blob <<<"$gone")" "$(names blob <<<"$plan")" "blobs that went, and that were to go"
assert_eq "$(blob_count)" "$((before - $(jq '[.[] | select(.kind == "blob")] | length' <<<"$gone")))" "blobs on the disk"
assert_lacks " $(tags_of hello) " " v2 " "tags"
for tag in v3 v4 latest; do pull "hello:$tag"; done
assert_contains "$(page hello)" "page=three" "page"
refused 1 fairlead rollback v2 -a hello
assert_contains "$refusal" "is not kept any more (settings gc_keep_releases, gc_keep_days): push that commit again" "refusal"
fairlead rollback v3 -a hello >/dev/null
assert_contains "$(page hello)" "page=two" "page after a rollback to what is kept"
wait_until 20 "release v3 goes next" v3_went
pull hello:v5

note "pushes of the same layers while collections run without a pause"
touch "$work/collecting"
collect_on() { while [[ -e $work/collecting ]]; do fairlead gc >/dev/null 2>>"$work/gc.log" || touch "$work/gc-failed"; done; }
collect_on &
collector=$!
token=$(fairlead tokens:create --json | jq -r .token)
push_image() { skopeo copy -q --dest-tls-verify=false --dest-creds "x:$token" "dir:$work/pulled" "docker://$http_address/team/$1"; }
for round in 1 2 3 4 5 6; do
  pids=()
  for pusher in a b c; do
    push_image "$pusher:$round" &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do wait "$pid" || fail "a push failed in round $round"; done
  write_web_app hello "round $round"
  commit hello "Round $round"
  push hello
done
rm "$work/collecting"
wait "$collector"
[[ ! -e $work/gc-failed ]] || fail "a collection failed: $(cat "$work/gc.log")"
for pusher in a b c; do
  for round in 1 6; do pull "team/$pusher:$round"; done
done
pull hello:latest
assert_contains "$(page hello)" "page=round 6" "page"

note "an app that is gone leaves nothing, and a restart still serves the other's images"
fairlead apps:destroy -a hello --confirm hello >/dev/null
stop_server
start_server
wait_until 20 "nothing is left to go" all_gone
assert_eq "$(fairlead gc --plan --json | jq length)" 0 "left to collect"
pull team/a:6
