#!/usr/bin/env bash
# The operator's own buildpack, chosen by BUILDPACK_URL, sees what the classic contract promises.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

# shellcheck disable=SC2016 # for the buildpack's shell
make_buildpack teller 'set -eu
build=$1 cache=$2 env=$3
{
  echo "cwd=$PWD"
  echo "files=$(ls bin | sort | tr "\n" " ")"
  echo "build-is-home=$([ "$build" = "$HOME" ] && echo yes || echo no)"
  echo "home=$HOME"
  echo "stack=$STACK"
  echo "version=$SOURCE_VERSION"
  echo "request=$REQUEST_ID"
  echo "uid=$(id -u)"
  echo "greeting=$(cat "$env/GREETING")"
  echo "env-names=$(ls "$env" | sort | tr "\n" " ")"
  echo "greeting-is-no-variable=${GREETING:-yes}"
  echo "app-is-empty=$(ls -A /app | wc -l)"
  echo "page=$(cat "$build/page.txt")"
  echo "git=$([ -e "$build/.git" ] && echo yes || echo no)"
  echo "ignored=$([ -e "$build/ignored.txt" ] && echo yes || echo no)"
  echo "mode=$(stat -c %a "$build/web")"
  echo "cached=$(cat "$cache/count" 2>/dev/null || echo none)"
} >"$build/told.txt"
echo "$(($(cat "$cache/count" 2>/dev/null || echo 0) + 1))" >"$cache/count"
echo "to stderr" >&2
mkdir -p "$build/.profile.d"
echo "export FROM_PROFILE=sourced" >"$build/.profile.d/teller.sh"'
# shellcheck disable=SC2016 # for the buildpack's shell
printf '#!/bin/sh\nprintf -- "---\\nconfig_vars:\\n  DEFAULT: given\\n  GREETING: never\\ndefault_process_types:\\n  web: ./web\\n  clock: ./web worker\\n"\n' \
  >"$data/buildpacks/teller/bin/release"
chmod 755 "$data/buildpacks/teller/bin/release"

start_server
new_app hello
fairlead config:set -a hello BUILDPACK_URL=teller GREETING='line one
line two' >/dev/null
write_web_app hello one
rm "$work/hello/Procfile"
echo hidden >"$work/hello/ignored.txt"
printf '# not wanted\nignored.txt\n' >"$work/hello/.slugignore"
commit hello "First"
push hello
assert_order "$transcript" "-----> teller app detected" "to stderr" "-----> Discovering process types"
assert_contains "$transcript" "clock" "transcript"

fairlead slugs:download -a hello -o "$work/tmp/slug.tgz"
tar xzf "$work/tmp/slug.tgz" -C "$work/tmp"
told=$(cat "$work/tmp/app/told.txt")
printf '%s\n' "$told" | sed 's/^/  | /'
says() { assert_contains "$told" "$1" "what the buildpack saw"; }
says "files=compile detect release"
says "build-is-home=no"
says "home=/app"
says "stack=debian-12"
says "version=$(git -C "$work/hello" rev-parse HEAD)"
[[ $told =~ request=[0-9a-f]{8}-[0-9a-f-]{27} ]] || fail "REQUEST_ID is no UUID"
assert_lacks "$told" "uid=0" "what the buildpack saw"
says "greeting=line one
line two"
says "env-names=BUILDPACK_URL GREETING"
says "greeting-is-no-variable=yes"
says "app-is-empty=0"
says "page=one"
says "git=no"
says "ignored=no"
says "mode=755"
says "cached=none"

note "config_vars are defaults: the user's own count more; .profile.d is sourced"
assert_eq "$(page hello /env/DEFAULT)" given "DEFAULT"
assert_eq "$(page hello /env/GREETING)" "line one
line two" "GREETING"
assert_eq "$(page hello /env/FROM_PROFILE)" sourced "FROM_PROFILE"
assert_eq "$(page hello /env/HOME)" /app "HOME"
assert_eq "$(page hello /env/DYNO)" web.1 "DYNO"

note "the cache comes back; without it on demand; and stays as it was after a failed build"
commit hello "Second"
push hello
fairlead slugs:download -a hello -o "$work/tmp/slug.tgz"
assert_contains "$(tar xzOf "$work/tmp/slug.tgz" ./app/told.txt)" "cached=1" "second build"
commit hello "Third"
push hello -o no-cache HEAD:main
fairlead slugs:download -a hello -o "$work/tmp/slug.tgz"
assert_contains "$(tar xzOf "$work/tmp/slug.tgz" ./app/told.txt)" "cached=none" "build without cache"

note "a buildpack that is not there"
fairlead config:set -a hello BUILDPACK_URL=nosuch >/dev/null
commit hello "Fourth"
if try_push hello HEAD:main; then fail "a push with an unknown buildpack succeeded"; fi
assert_contains "$transcript" "nosuch" "transcript"
