#!/usr/bin/env bash
# Rolling back makes a new release from an old one: its slug and its config.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

start_server
deploy_web_app hello one
fairlead config:set -a hello COLOUR=red >/dev/null
write_web_app hello two
commit hello "Second"
push hello
fairlead config:set -a hello COLOUR=blue >/dev/null
assert_eq "$(current_version hello)" 5 "version"

start_load hello
fairlead rollback v3 -a hello
stop_load
assert_contains "$(page hello)" "page=one" "page"
assert_eq "$(page hello /env/COLOUR)" red "COLOUR"
assert_eq "$(current_version hello)" 6 "version"
assert_contains "$(fairlead releases -a hello)" "Rollback to v3" "releases"
assert_eq "$(skopeo inspect --tls-verify=false --raw "docker://$http_address/hello:v6" | jq -c '[.layers[].digest]')" \
  "$(skopeo inspect --tls-verify=false --raw "docker://$http_address/hello:v3" | jq -c '[.layers[].digest]')" "layers of v6"

note "without a version: the one before"
fairlead rollback -a hello
assert_contains "$(page hello)" "page=two" "page"
assert_eq "$(page hello /env/COLOUR)" blue "COLOUR"

note "what cannot be rolled back to"
refused 1 fairlead rollback v1 -a hello
refused 1 fairlead rollback v99 -a hello
refused 1 fairlead rollback nonsense -a hello
assert_eq "$(current_version hello)" 7 "version"

note "a push goes on from where the branch is"
write_web_app hello three
commit hello "Third"
push hello
assert_contains "$(page hello)" "page=three" "page"
