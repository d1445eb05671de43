#!/usr/bin/env bash
# Builds of tarballs by Heroku's own client for them, the npm package heroku-builds: a folder and an archive are uploaded, built and deployed with
# the output shown live, a failing build fails the command, and the list, the details and the output of builds are read back.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

programs=$TEMPLATE-programs
command -v node >/dev/null || skip "node is not here"
if [[ ! -e $programs/heroku-builds/node_modules/heroku-builds/package.json ]]; then
  rm -rf "$programs/heroku-builds.new"
  mkdir -p "$programs/heroku-builds.new"
  npm install --silent --no-fund --no-audit --prefix "$programs/heroku-builds.new" heroku-builds@0.0.29 >"$work/npm.log" 2>&1 ||
    skip "heroku-builds could not be had from npm: $(tail -n 1 "$work/npm.log")"
  rm -rf "$programs/heroku-builds"
  mv "$programs/heroku-builds.new" "$programs/heroku-builds"
fi

start_server
token=$(fairlead tokens:create --json | jq -r .token)
fairlead apps:create hello >/dev/null

# Its library reads SSL_CERT_DIR entry by entry and stops at folders.
builds() {
  (cd "$work/tree" && env -u SSL_CERT_DIR NODE_PATH="$programs/heroku-builds/node_modules" HEROKU_HOST="http://localhost:${http_address##*:}" HEROKU_API_KEY="$token" \
    NO_PROXY=localhost https_proxy='' HTTPS_PROXY='' timeout 120 node "$ROOT/tests/integration/support/heroku_builds.js" hello "$@" 2>&1 </dev/null)
}

mkdir "$work/tree"
write_web_app tree one
said=$(builds create) || fail "builds:create failed: $said"
assert_order "$said" "-----> Launching..." "Released v2"
assert_contains "$(page hello)" "page=one"

write_web_app tree two
tar -czf "$work/app.tgz" -C "$work/tree" .
said=$(builds create "{\"source-tar\": \"$work/app.tgz\", \"version\": \"v2.0\"}") || fail "builds:create --source-tar failed: $said"
assert_contains "$said" "Released v3"
assert_contains "$(page hello)" "page=two"

said=$(builds '') || fail "builds failed: $said"
assert_contains "$said" "v2.0" "the list"
assert_eq "$(grep -c "succeeded" <<<"$said")" 2 "builds that succeeded, in: $said"
assert_contains "$(builds info)" "Release:    v3" "builds:info"
assert_contains "$(builds output)" "Released v3" "builds:output"

note "a build that fails, fails the command"
rm -r "$work/tree"
mkdir "$work/tree"
echo nothing >"$work/tree/notes.txt"
refused 1 builds create
assert_contains "$refusal" "Unable to select a buildpack"
assert_contains "$(page hello)" "page=two" "what serves"
