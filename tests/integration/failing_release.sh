#!/usr/bin/env bash
# A release whose web process does not come up is marked failed; the push fails, and the release before serves on.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

start_server
deploy_web_app hello one
before=$(page hello)
good=$(git -C "$work/hello" rev-parse HEAD)

note "a first release that does not come up"
new_app other
printf 'web: echo no luck at first; exit 7\n' >"$work/other/Procfile"
commit other "Broken from the start"
if try_push other HEAD:main; then fail "the push of a release that does not start succeeded"; fi
assert_contains "$transcript" "Nothing was deployed before; see: fairlead logs -a other" "transcript"
assert_eq "$(deployed_commit other)" none "deployed commit"

note "a process that exits at once"
# shellcheck disable=SC2016 # for the app's shell
printf 'web: echo no luck on port $PORT; exit 7\n' >"$work/hello/Procfile"
commit hello "Broken"
if try_push hello HEAD:main; then fail "the push of a release that does not start succeeded"; fi
assert_order "$transcript" "Launching..." " !     Release v3 failed: web.1 exited with status 7" "no luck on port" "The release before serves on" "[remote rejected]"
assert_eq "$(page hello)" "$before" "page"
assert_eq "$(deployed_commit hello)" "$good" "deployed commit"
assert_eq "$(current_version hello)" 2 "version"
assert_eq "$(fairlead releases -a hello --json | jq -r '.[0] | "\(.version) \(.status)"')" "3 failed" "newest release"

note "a config change that stops the app from starting"
write_web_app hello one
# shellcheck disable=SC2016 # for the app's shell
printf 'web: test -z "$BROKEN" && exec ./web\n' >"$work/hello/Procfile"
commit hello "Starts unless told not to"
push hello
before=$(page hello)
refused 1 fairlead config:set -a hello BROKEN=1
assert_contains "$refusal" "failed" "answer"
assert_eq "$(page hello)" "$before" "page"
assert_eq "$(fairlead config:get BROKEN -a hello 2>/dev/null || echo none)" none "config after a failed release"
push_version=$(current_version hello)
fairlead config:set -a hello FINE=1 >/dev/null
assert_eq "$(current_version hello)" $((push_version + 2)) "version: numbers are not used again"
