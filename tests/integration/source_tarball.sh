#!/usr/bin/env bash
# Tarballs by the Platform API, by the client and beside pushes; what is hostile is refused and leaves nothing.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

cat >>"$work/fairlead.conf" <<TEXT
source_max_bytes = 30000000
export_max_bytes = 60000000
export_max_files = 2000
TEXT

api() {
  local method=$1 path=$2
  shift 2
  curl -sS --max-time 60 -X "$method" -H "Authorization: Bearer $token" -H 'Accept: application/vnd.heroku+json; version=3' -H 'Content-Type: application/json' \
    "$@" "http://$http_address$path"
}
api_status() { api "$@" -o "$work/tmp/answer" -w '%{http_code}'; }

# upload FILE: prints the URL by which a build reads it.
upload() {
  local source
  source=$(api POST /sources)
  curl -sS --fail --max-time 60 -T "$1" "$(jq -r .source_blob.put_url <<<"$source")" || return 1
  jq -r .source_blob.get_url <<<"$source"
}

# build_tarball APP FILE [JSON]: the build's first JSON; JSON is more members of source_blob.
build_tarball() {
  local url
  url=$(upload "$2")
  api POST "/apps/$1/builds" -d "$(jq -n --arg url "$url" --argjson more "${3:-{\}}" '{source_blob: ({url: $url} + $more)}')"
}

# output_of BUILD: follows it to its end.
output_of() { curl -sS --fail --max-time 120 "$(jq -r .output_stream_url <<<"$1")"; }

build_status() { api GET "/apps/$1/builds/$(jq -r .id <<<"$2")" | jq -r .status; }
build_failure() { api GET "/apps/$1/builds/$(jq -r .id <<<"$2")" | jq -r .failure; }

make_source() {
  mkdir -p "$work/$1"
  write_web_app "$1" "$2"
  tar -czf "$work/$1.tgz" -C "$work/$1" .
}

start_server
token=$(fairlead tokens:create --json | jq -r .token)

note "an upload, a build, its output while it goes on"
fairlead apps:create hello >/dev/null
make_source first one
created=$(build_tarball hello "$work/first.tgz" '{"version": "v1.3.0", "version_description": "The first"}')
note "$created"
for expression in '.id | length == 36' '.status == "pending"' '.app.name == "hello" and (.app.id | length == 36)' '.source_blob.version == "v1.3.0"' \
  '.source_blob.version_description == "The first"' '.source_blob.checksum == null' '.slug == null and .release == null' '.stack == "debian-12"' \
  '.user.email == "admin"' '.buildpacks == []' '.output_stream_url | startswith("http://")' '.created_at and .updated_at'; do
  jq -e "$expression" <<<"$created" >/dev/null || fail "the build's JSON lacks $expression: $created"
done
output=$(output_of "$created")
assert_order "$output" "app detected" "-----> Discovering process types" "-----> Launching..." "Released v2" "deployed to Fairlead"
assert_eq "$(build_status hello "$created")" succeeded "status"
assert_contains "$(page hello)" "page=one" "page"
assert_eq "$(deployed_commit hello)" none "deployed commit"
done=$(api GET /apps/hello/builds/1)
assert_eq "$(jq -r .id <<<"$done")" "$(jq -r .id <<<"$created")" "build 1"
assert_eq "$(jq -r .release.id <<<"$done")" "$(fairlead releases -a hello --json | jq -r '.[0].id')" "release"
assert_eq "$(jq -r .slug.id <<<"$done")" "$(fairlead releases:info -a hello --json | jq -r .slug.id)" "slug"
assert_eq "$(api GET /apps/hello/builds | jq length)" 1 "builds"
assert_eq "$(fairlead releases:info -a hello --json | jq -r .description)" "Deploy v1.3.0" "description"
assert_eq "$(output_of "$created")" "$output" "output, again"
assert_no_build_files hello

note "a rebuild says that the tarball is not kept"
refused 1 fairlead builds:create -a hello
assert_contains "$refusal" "send it again with --source FILE" "answer"
refused 1 fairlead builds:create -a hello --pushed
assert_contains "$refusal" "nothing was pushed" "answer"

note "a push makes the same layers of the same files, whatever their modes were"
new_repository hello
cp -a "$work/first/." "$work/hello/"
chmod 777 "$work/first/web"
chmod 600 "$work/first/Procfile"
commit hello "First"
push hello
layers() { curl -sS --fail "http://$http_address/v2/hello/manifests/$1" | jq -r '.layers[].digest'; }
tar -cf "$work/modes.tar" -C "$work" first
assert_contains "$(output_of "$(build_tarball hello "$work/modes.tar")")" "Released v4" "output"
assert_eq "$(layers v4)" "$(layers v3)" "layers"
assert_eq "$(deployed_commit hello)" "$(git -C "$work/hello" rev-parse HEAD)" "deployed commit"
assert_contains "$(fairlead builds:create -a hello --pushed)" "Released v5" "output"

note "the client: a file, a folder, over HTTP, and its exit status"
printf two >"$work/first/page.txt"
mkdir -p "$work/first/.git" && echo secret >"$work/first/.git/secret"
said=$(fairlead builds:create -a hello --source "$work/first" --version 1.4 --message "By hand")
assert_order "$said" "app detected" "Released v6"
assert_contains "$(page hello)" "page=two" "page"
assert_eq "$(fairlead releases:info -a hello --json | jq -r .description)" "By hand" "description"
fairlead slugs:download -a hello -o "$work/slug.tgz"
assert_lacks "$(tar -tzf "$work/slug.tgz")" "secret" "slug"
printf three >"$work/first/page.txt"
tar -C "$work" --exclude .git -cJf "$work/three.tar.xz" first
FAIRLEAD_URL=http://$http_address FAIRLEAD_TOKEN=$token "$FAIRLEAD" builds:create -a hello -s "$work/three.tar.xz" >/dev/null
assert_contains "$(page hello)" "page=three" "page"
echo words >"$work/words"
refused 1 fairlead builds:create -a hello --source "$work/words"
assert_contains "$refusal" "the archive is damaged" "answer"
refused 1 fairlead builds:create -a hello --source "$work/nosuch"
refused 1 ssh_git builds:create -a hello --source /etc/passwd
head -c 31000000 /dev/zero >"$work/large"
refused 1 fairlead builds:create -a hello --source "$work/large"
assert_contains "$refusal" "source_max_bytes" "answer"
rm "$work/large"

note "who may do what"
source=$(api POST /sources)
get=$(jq -r .source_blob.get_url <<<"$source") put=$(jq -r .source_blob.put_url <<<"$source")
for method in GET POST; do
  assert_eq "$(curl -sS -o /dev/null -w '%{http_code}' -X $method "http://$http_address/apps/hello/builds")" 401 "$method without a token"
done
assert_eq "$(curl -sS -o /dev/null -w '%{http_code}' -X POST -u ":$token" "http://$http_address/sources")" 201 "Basic authorization"
assert_eq "$(curl -sS -o /dev/null -w '%{http_code}' -T "$work/first.tgz" "$get")" 403 "PUT to the get_url"
assert_eq "$(curl -sS -o /dev/null -w '%{http_code}' "${put%?}0x")" 403 "a changed signature"
assert_eq "$(curl -sS -o /dev/null -w '%{http_code}' "$get")" 404 "GET before the PUT"
assert_eq "$(api_status POST /apps/nosuch/builds -d "{\"source_blob\": {\"url\": \"$get\"}}")" 404 "an unknown app"
assert_eq "$(api_status POST /apps/hello/builds -d "{\"source_blob\": {\"url\": \"$get\"}}")" 422 "nothing uploaded"
jq -e '.id == "invalid_params" and (.message | length > 0)' "$work/tmp/answer" >/dev/null || fail "not an error of the API: $(cat "$work/tmp/answer")"
for url in "http://$http_address/healthz" http://169.254.169.254/x file:///etc/passwd; do
  assert_eq "$(api_status POST /apps/hello/builds -d "{\"source_blob\": {\"url\": \"$url\"}}")" 422 "$url"
done

note "a source elsewhere: this server is out of reach for it"
for url in "https://127.0.0.1:${http_address##*:}/x.tgz" "https://169.254.169.254/latest"; do
  build=$(api POST /apps/hello/builds -d "{\"source_blob\": {\"url\": \"$url\"}}")
  output=$(output_of "$build")
  assert_eq "$(build_status hello "$build")" failed "$url ($output)"
  assert_contains "$(build_failure hello "$build")" "Fetching the source failed" "$url"
done

note "hostile tarballs are each refused in one sentence, and nothing is left"
python3 "$ROOT/tests/support/hostile_tarballs.py" "$work/hostile"
version=$(current_version hello)
for file in "$work/hostile"/*; do
  build=$(build_tarball hello "$file")
  output_of "$build" >"$work/tmp/output" || fail "$file: $build"
  assert_eq "$(build_status hello "$build")" failed "$(basename "$file"): $(tail -n 3 "$work/tmp/output")"
  failure=$(build_failure hello "$build")
  note "$(basename "$file"): $failure"
  assert_contains "$failure" "$(sed -n "s/^$(basename "$file" | sed 's/\..*//'): //p" "$ROOT/tests/support/hostile_tarballs.txt")" "$(basename "$file")"
done
[[ ! -e /tmp/fairlead-escaped && ! -e $data/run/fairlead-escaped ]] || fail "a tarball wrote outside"
assert_eq "$(current_version hello)" "$version" "version"
build=$(build_tarball hello "$work/first.tgz" '{"checksum": "SHA256:0000000000000000000000000000000000000000000000000000000000000000"}')
output_of "$build" >/dev/null
assert_contains "$(build_failure hello "$build")" "send it again" "another checksum"
assert_no_build_files hello
assert_contains "$(output_of "$(build_tarball hello "$work/first.tgz" "{\"checksum\": \"SHA256:$(sha256sum "$work/first.tgz" | cut -d' ' -f1)\"}")")" "Released v" "output"
assert_contains "$(page hello)" "page=one" "page"

note "a push and tarballs at once: one after the other, a newer waiting one in the older's place"
# shellcheck disable=SC2016 # for the buildpack's shell
make_buildpack slow 'while [ ! -e "$1/go" ] && [ "$(cat "$1/page.txt")" = slow ]; do sleep 0.1; done; sleep 1'
fairlead buildpacks:set slow -a hello >/dev/null
printf slow >"$work/hello/page.txt"
commit hello "Slow"
(try_push hello HEAD:main >"$work/push.log" 2>&1 || true) &
pusher=$!
state_of() { api GET "/apps/hello/builds" | jq -r '.[0].state'; }
is_building() { [[ $(state_of) == building ]]; }
wait_until 30 "the push builds" is_building
older=$(build_tarball hello "$work/first.tgz" '{"version": "older"}')
newer=$(build_tarball hello "$work/three.tar.xz" '{"version": "newer"}')
assert_eq "$(build_status hello "$older")" failed "the older waiting build"
assert_eq "$(build_status hello "$newer")" pending "the newer waiting build"
fairlead builds:cancel -a hello "$(api GET /apps/hello/builds | jq -r '[.[] | select(.state == "building")][0].number')"
wait "$pusher"
assert_contains "$(output_of "$newer")" "Released v" "output"
assert_contains "$(page hello)" "page=three" "page"
fairlead buildpacks:clear -a hello >/dev/null
rm -r "$data"/buildpacks/*

note "a kill -9 in such a build"
# shellcheck disable=SC2016 # for the buildpack's shell
make_buildpack forever 'sleep 1000'
fairlead buildpacks:set forever -a hello >/dev/null
version=$(current_version hello)
killed=$(build_tarball hello "$work/first.tgz")
wait_until 30 "the tarball builds" is_building
kill9_server
start_server
assert_eq "$(build_status hello "$killed")" failed "the interrupted build"
assert_eq "$(build_failure hello "$killed")" interrupted "the interrupted build"
assert_eq "$(current_version hello)" "$version" "version"
assert_no_build_files hello
fairlead buildpacks:clear -a hello >/dev/null
rm -r "$data"/buildpacks/*
fairlead builds:create -a hello --source "$work/first.tgz" >/dev/null
assert_contains "$(page hello)" "page=one" "page"
assert_eq "$(deployed_commit hello)" "$(git -C "$work/hello" rev-parse HEAD~1)" "deployed commit"
