#!/usr/bin/env bash
# A build that fails changes nothing: not the ref, not the release, not what runs. Once its reason is gone the same commit can be pushed.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

# shellcheck disable=SC2016 # for the buildpack's shell
make_buildpack picky 'echo "-----> Looking for a permission"
[ -f "$3/ALLOWED" ] || { echo " !     This build needs ALLOWED" >&2; exit 4; }
echo "       found"'

start_server
new_app hello
fairlead config:set -a hello BUILDPACK_URL=picky ALLOWED=yes >/dev/null
write_web_app hello one
commit hello "First"
push hello
assert_order "$transcript" "-----> picky app detected" "found" "Released v3"
before=$(page hello)
good=$(git -C "$work/hello" rev-parse HEAD)
fairlead config:unset -a hello ALLOWED >/dev/null
version=$(current_version hello)
before=$(page hello)

note "the second build fails"
write_web_app hello two
commit hello "Second"
if try_push hello HEAD:main; then fail "the push of a failing build succeeded"; fi
assert_order "$transcript" "This build needs ALLOWED" " !     " "[remote rejected]"
assert_eq "$(deployed_commit hello)" "$good" "deployed commit"
assert_eq "$(current_version hello)" "$version" "version"
assert_eq "$(page hello)" "$before" "page (same process as before)"
assert_eq "$(fairlead builds -a hello --json | jq -r '.[0].state')" failed "state of the build"
[[ -n $(fairlead builds -a hello --json | jq -r '.[0].failure') ]] || fail "the build does not say why it failed"
assert_contains "$(fairlead builds:output -a hello)" "This build needs ALLOWED" "log of the build"
assert_no_build_files hello

note "the same commit goes through when its reason is gone"
fairlead config:set -a hello ALLOWED=yes >/dev/null
push hello
assert_contains "$(page hello)" "page=two" "page"
assert_eq "$(deployed_commit hello)" "$(git -C "$work/hello" rev-parse HEAD)" "deployed commit"
assert_eq "$(current_version hello)" $((version + 2)) "version"
