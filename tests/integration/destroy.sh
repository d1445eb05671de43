#!/usr/bin/env bash
# Destroying an app leaves nothing of it: no process, no route, no repository, no image, no log. Its name is free again.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

start_server
deploy_web_app other here
deploy_web_app hello one

note "only with the name repeated"
refused 1 fairlead apps:destroy -a hello
assert_contains "$refusal" "--confirm hello" "answer"
refused 1 fairlead apps:destroy -a hello --confirm other
assert_contains "$(page hello)" "page=one" "page"

fairlead apps:destroy -a hello --confirm hello
assert_eq "$(page_status hello)" 404 "status of its page"
assert_eq "$(curl -s -o /dev/null -w '%{http_code}' "http://$http_address/v2/hello/manifests/v2")" 404 "status of its image"
assert_eq "$(curl -s -o /dev/null -w '%{http_code}' "http://$http_address/v2/hello/tags/list")" 404 "status of its tags"
assert_no_build_files hello
assert_eq "$(find "$data" \( -path "$data/blobs" -o -path "$data/layers" \) -prune -o -name '*hello*' -print)" "" "files left"
refused any fairlead ps -a hello
refused 128 git -C "$work/hello" fetch fairlead
assert_eq "$(fairlead apps --json | jq -r 'map(.name) | join(" ")')" other "apps"
assert_contains "$(page other)" "page=here" "the other app's page"

note "the name is free, and starts anew"
fairlead apps:create hello >/dev/null
assert_eq "$(current_version hello)" 1 "version"
push hello
assert_contains "$transcript" "Released v2" "transcript"
assert_contains "$(page hello)" "page=one" "page"
refused 1 fairlead apps:create hello
