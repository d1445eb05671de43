#!/usr/bin/env bash
# What buildpacks made for it see of the classic contract: several in a row, exports, reports, app.json, BUILD_DIR in /app, and what the processes get.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

# shellcheck disable=SC2016 # for the buildpacks' shell
make_buildpack first 'set -eu
echo "export FROM_FIRST=\"one two\" PATH=\"$PWD/tools:\$PATH\"" >export
mkdir -p tools && printf "#!/bin/sh\necho tool of first\n" >tools/first-tool && chmod +x tools/first-tool
echo 1 >/tmp/left-by-first
echo "SECRET_OF_DOTENV=${SECRET_OF_DOTENV:-none}" >"$1/told-first.txt"'
# shellcheck disable=SC2016 # for the buildpacks' shell
make_buildpack second 'set -eu
{
  echo "from-first=$FROM_FIRST"
  echo "tool=$(first-tool)"
  echo "tmp=$(cat /tmp/left-by-first)"
  echo "build=$1 home=$HOME app=$(ls -A /app | wc -l)"
  echo "generated=$(wc -c <"$3/GENERATED") plain=$(cat "$3/PLAIN")"
} >"$1/told-second.txt"
[ ! -f "$1/fail" ] || exit 3'
# shellcheck disable=SC2016 # for the buildpack's shell
printf '#!/bin/bash\nls "$1" >/dev/null && echo "{\\"from\\": \\"${FROM_FIRST:-nothing}\\", \\"cache\\": \\"$([ -d "$2" ] && echo yes)\\"}"\n' \
  >"$data/buildpacks/second/bin/report"
chmod 755 "$data/buildpacks/second/bin/report"

start_server
new_app hello
write_web_app hello one
echo 'SECRET_OF_DOTENV=$(touch /tmp/evaluated)' >"$work/hello/.env"
cat >"$work/hello/app.json" <<'JSON'
{
  "buildpacks": [{"url": "first"}, {"url": "second"}],
  "env": {"GENERATED": {"generator": "secret"}, "PLAIN": "text", "MINE": "default", "NEEDED": {"description": "of the mail server"}},
  "formation": {"web": {"quantity": 2}, "worker": {"quantity": 1}}
}
JSON
# shellcheck disable=SC2016 # for the process's shell
echo 'worker: touch /app/written && echo "app of $(stat -c %u /app)" >/dev/stdout && exec ./web worker' >>"$work/hello/Procfile"
sed -i '/^worker: .\/web/d' "$work/hello/Procfile"
commit hello "First"
note "a config var that app.json requires"
if try_push hello HEAD:main; then fail "a push without NEEDED was deployed"; fi
assert_contains "$transcript" "app.json requires the config var NEEDED (of the mail server): set it with fairlead config:set NEEDED=VALUE -a hello" "transcript"
fairlead config:set -a hello NEEDED=given MINE=own >/dev/null
push hello
assert_order "$transcript" "-----> first app detected" "-----> second app detected"

told() { fairlead slugs:download -a hello -o "$work/tmp/slug.tgz" && tar xzOf "$work/tmp/slug.tgz" "./app/told-$1.txt"; }
says() { assert_contains "$(told "$1")" "$2" "what $1 saw"; }
says first "SECRET_OF_DOTENV=none"
says second "from-first=one two"
says second "tool=tool of first"
says second "tmp=1"
says second "build=/tmp/build_"
says second "home=/app app=0"
says second "generated=64 plain=text"

note "the first deploy takes env and formation from app.json; what the user set counts more"
assert_eq "$(process_names hello)" "web.1 web.2 worker.1" "processes"
assert_eq "$(page hello /env/MINE)" own "MINE"
assert_eq "$(page hello /env/PLAIN)" text "PLAIN"
assert_eq "$(page hello /env/GENERATED | tr -d '[:space:]')" "$(fairlead config:get GENERATED -a hello)" "GENERATED"
assert_eq "$(page hello /env/FAIRLEAD_APP_NAME)" hello "FAIRLEAD_APP_NAME"
assert_eq "$(page hello /env/HEROKU_APP_NAME)" "" "HEROKU_APP_NAME without the feature"

note "/app is the app's own, and /dev/stdout can be opened"
worker_said() { fairlead logs -a hello --ps worker.1 -n 100 | grep -q 'app of 1000'; }
wait_until 10 "the worker's line in the log" worker_said

note "what it was made of"
info=$(fairlead builds:info -a hello --json)
jq -e '[.buildpacks[].name] == ["first", "second"]' <<<"$info" >/dev/null || fail "builds:info: $info"
jq -e '.buildpacks[1].report | fromjson | .from == "nothing" and .cache == "yes"' <<<"$info" >/dev/null || fail "report: $info"
fairlead builds:info -a hello

note "a failed build keeps its report and changes nothing"
touch "$work/hello/fail"
commit hello "Fail"
if try_push hello HEAD:main; then fail "a failing buildpack was deployed"; fi
jq -e '.state == "failed" and (.buildpacks[1].report | fromjson | .cache == "yes")' <<<"$(fairlead builds:info -a hello --json)" >/dev/null || fail "no report of the failed build"
rm "$work/hello/fail"

note "the list of the app comes first; metadata and the place of the build by features"
fairlead buildpacks:add second -a hello
if fairlead buildpacks:add 'file:///etc' -a hello 2>/dev/null; then fail "a file URL was taken"; fi
fairlead buildpacks:set first -a hello
fairlead buildpacks:add second --index 1 -a hello
assert_eq "$(fairlead buildpacks -a hello --json | jq -c '[.[].buildpack.url]')" '["second","first"]' "list"
fairlead buildpacks:remove second -a hello >/dev/null
fairlead features:enable runtime-dyno-metadata -a hello >/dev/null
fairlead features:enable build-in-app-dir -a hello >/dev/null
sed -i 's/"worker": {"quantity": 1}/"worker": {"quantity": 7}/' "$work/hello/app.json"
commit hello "Second"
push hello
assert_lacks "$transcript" "second app detected" "transcript"
assert_eq "$(process_names hello)" "web.1 web.2 worker.1" "processes after the second deploy"
assert_eq "$(page hello /env/HEROKU_APP_NAME)" hello "HEROKU_APP_NAME"
assert_eq "$(page hello /env/HEROKU_RELEASE_VERSION)" "v$(current_version hello)" "HEROKU_RELEASE_VERSION"
fairlead buildpacks:set first second -a hello >/dev/null
commit hello "Third"
push hello
says second "build=/app home=/tmp/home_"
