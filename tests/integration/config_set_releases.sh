#!/usr/bin/env bash
# Setting config vars makes a release without a build, restarts the app, and the app sees them.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

start_server
deploy_web_app hello one
assert_eq "$(page hello /env/GREETING)" "" "GREETING before"
before=$(page hello)

start_load hello
fairlead config:set -a hello GREETING='good "day" to	you: ä' SECOND=2
stop_load
assert_eq "$(page hello /env/GREETING)" 'good "day" to	you: ä' "GREETING in the app"
assert_eq "$(page hello /env/SECOND)" 2 "SECOND in the app"
assert_eq "$(fairlead config:get GREETING -a hello)" 'good "day" to	you: ä' "GREETING"
assert_eq "$(fairlead config -a hello --json | jq -r 'keys | join(" ")')" "GREETING SECOND" "config"
[[ $(page hello) != "$before" ]] || fail "the process was not replaced"
assert_eq "$(current_version hello)" 3 "version"
assert_eq "$(fairlead builds -a hello --json | jq length)" 1 "builds"
assert_contains "$(fairlead releases -a hello)" "Set GREETING, SECOND config vars" "releases"

note "the image of the release carries them; its layers are the same"
for version in v2 v3; do
  skopeo inspect --tls-verify=false --raw "docker://$http_address/hello:$version" | jq -c '[.layers[].digest]' >"$work/tmp/$version"
done
cmp -s "$work/tmp/v2" "$work/tmp/v3" || fail "a config change moved layers"
skopeo inspect --tls-verify=false --config "docker://$http_address/hello:v3" | jq -e '.config.Env | index("SECOND=2")' >/dev/null || fail "SECOND is not in the image"

fairlead config:unset -a hello SECOND >/dev/null
assert_eq "$(page hello /env/SECOND)" "" "SECOND after unset"
assert_eq "$(current_version hello)" 4 "version"

note "wrong words"
refused 1 fairlead config:set -a hello NOVALUE
refused 1 fairlead config:set -a hello 1BAD=x
refused 1 fairlead config:set -a hello 'BAD KEY=x'
refused 1 fairlead config:unset -a hello NEVER
refused 1 fairlead config:set -a nobody A=b
refused 2 fairlead config:set -a hello
assert_eq "$(current_version hello)" 4 "version after refused changes"
