#!/usr/bin/env bash
# A push that changes code only stores and pulls the code's layer; two servers make the same layers; the layers together are the download.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

# shellcheck disable=SC2016 # for the buildpack's shell
heavy='set -eu
mkdir -p "$1/.heroku/tool/bin" "$1/node_modules/big"
seq 1 400000 >"$1/.heroku/tool/bin/tool"
seq 400000 900000 | tee "$1/node_modules/big/data" >/dev/null
ln -s big/data "$1/node_modules/link"
date +%N >"$2/when"'
make_buildpack heavy "$heavy"

layers_of() { curl -sS --fail -H 'Accept: application/vnd.oci.image.manifest.v1+json' "http://$http_address/v2/$1/manifests/$2" | jq -r '.layers[].digest'; }
# Bytes of the layers of $2 that are not in $1.
new_bytes() {
  curl -sS --fail "http://$http_address/v2/hello/manifests/$2" | jq -r '.layers[] | "\(.digest) \(.size)"' | grep -v -F -f <(layers_of hello "$1") | awk '{ sum += $2 } END { print sum + 0 }'
}

start_server
deploy_web_app hello one heavy
first=$(layers_of hello v2)
write_web_app hello two
commit hello "Second"
push hello
assert_contains "$transcript" "in 1 of 4 layers" "transcript"
assert_contains "$(page hello)" "page=two" "page"
second=$(layers_of hello v3)
assert_eq "$(wc -l <<<"$second")" "$(wc -l <<<"$first")" "number of layers"
changed=$(comm -13 <(sort <<<"$first") <(sort <<<"$second") | wc -l)
assert_eq "$changed" 1 "layers that are new in v3"
bytes=$(new_bytes v2 v3)
note "the second push made $bytes new bytes"
((bytes < 100000)) || fail "a code-only push made $bytes bytes"
fairlead builds:info -a hello

note "the download is one archive"
id=$(fairlead releases:info -a hello --json | jq -r .slug.id)
token=$(fairlead tokens:create --json | jq -r .token)
get() { curl -sS --fail -H "Authorization: Bearer $token" "$@"; }
get -o "$work/slug.tgz" "http://$http_address/apps/hello/slugs/$id/blob"
checksum=$(get "http://$http_address/apps/hello/slugs/$id" | jq -r .checksum)
assert_eq "SHA256:$(sha256sum "$work/slug.tgz" | cut -d' ' -f1)" "$checksum" "checksum"
assert_eq "$(get "http://$http_address/apps/hello/slugs/$id" | jq -r .size)" "$(stat -c %s "$work/slug.tgz")" "size"
etag=$(get -I "http://$http_address/apps/hello/slugs/$id/blob" | tr -d '\r' | sed -n 's/^ETag: "\(.*\)"$/\1/p')
assert_eq "${etag#sha256:}" "$(cut -d: -f2 <<<"$checksum")" "ETag"
half=$(($(stat -c %s "$work/slug.tgz") / 2))
get -o "$work/head" -r "0-$((half - 1))" "http://$http_address/apps/hello/slugs/$id/blob"
get -o "$work/tail" -r "$half-" "http://$http_address/apps/hello/slugs/$id/blob"
cat "$work/head" "$work/tail" | cmp - "$work/slug.tgz"
mkdir "$work/gnu" "$work/python"
tar -xzf "$work/slug.tgz" -C "$work/gnu"
python3 -c 'import sys, tarfile; tarfile.open(sys.argv[1]).extractall(sys.argv[2])' "$work/slug.tgz" "$work/python"
diff -r --no-dereference "$work/gnu" "$work/python"
assert_eq "$(tail -n 1 "$work/gnu/app/node_modules/link")" 900000 "a file through a link"

note "skopeo reads each layer"
skopeo copy -q --src-tls-verify=false "docker://$http_address/hello:v3" "oci:$work/copy:v3"
skopeo inspect "oci:$work/copy:v3" | jq -e '.Labels["fairlead.buildpacks"] | fromjson | .[0].name == "heavy"' >/dev/null

note "another server makes the same layers of the same commit"
fairlead server:stop --all
end_of_server 30
unset ssh_address http_address router_address
data=$work/other
make_data
make_buildpack heavy "$heavy"
start_server
fairlead apps:create hello >/dev/null
git -C "$work/hello" remote set-url fairlead "ssh://git@localhost:$ssh_port/hello.git"
push hello
assert_eq "$(layers_of hello v2 | sort)" "$(sort <<<"$second")" "layers on another server"

note "zstd by setting: the engine, skopeo and zstd's own program read it"
stop_server
echo 'slug_compression = zstd' >>"$work/fairlead.conf"
start_server
write_web_app hello three
commit hello "Third"
push hello
assert_contains "$(page hello)" "page=three" "page"
types=$(curl -sS --fail "http://$http_address/v2/hello/manifests/v3" | jq -r '[.layers[].mediaType | sub(".*tar"; "")] | join(" ")')
assert_contains "$types" "+zstd" "layers"
fairlead slugs:download -a hello -o "$work/slug.tar.zst"
mkdir "$work/zstd"
zstd -q -d -c "$work/slug.tar.zst" | tar -x -C "$work/zstd"
assert_eq "$(cat "$work/zstd/app/page.txt")" three "page.txt"
diff -r --no-dereference -x when -x page.txt "$work/gnu/app" "$work/zstd/app"
skopeo copy -q --src-tls-verify=false "docker://$http_address/hello:v3" "oci:$work/copy:zstd"
