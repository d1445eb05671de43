#!/usr/bin/env bash
# A newcomer makes an app, pushes examples/node-express, and sees it answer; what was built is there for download and in the registry.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

start_server

note "making an app makes release v1"
created=$(fairlead apps:create hello --json)
assert_eq "$(jq -r .name <<<"$created")" hello "name"
assert_eq "$(jq -r .git_url <<<"$created")" "ssh://git@localhost:$ssh_port/hello.git" "git_url"
assert_eq "$(jq -r .web_url <<<"$created")" "http://hello.localhost:${router_address##*:}/" "web_url"
assert_eq "$(current_version hello)" 1 "version before the first push"

note "the first push is v2"
new_repository hello
cp -R "$ROOT/examples/node-express/." "$work/hello/"
commit hello "First"
push hello
assert_order "$transcript" "-----> Node.js app detected" "-----> Discovering process types" "declares types" "web" \
  "-----> Compiled slug size is " "-----> Launching..." "Released v2" "http://hello.localhost:${router_address##*:}/ deployed to Fairlead"
assert_lacks "$transcript" " !  " "transcript"
assert_eq "$(current_version hello)" 2 "version"
assert_eq "$(deployed_commit hello)" "$(git -C "$work/hello" rev-parse HEAD)" "deployed commit"

note "it answers under its name, through the router"
body=$(curl -sS --fail-with-body --max-time 20 "http://hello.localhost:${router_address##*:}/")
[[ -n $body ]] || fail "the page is empty"
assert_eq "$(process_names hello)" web.1 "processes"
fairlead logs -a hello -n 20 | sed 's/^/  | /'

note "the slug unpacks with plain tar, and holds the app with its dependencies"
(cd "$work/tmp" && fairlead slugs:download v2 -a hello -o slug.tgz && tar xzf slug.tgz 2>tar.log)
assert_eq "$(sort -u "$work/tmp/tar.log")" "" "what tar complained about"
[[ -d $work/tmp/app/node_modules/express ]] || fail "no ./app/node_modules/express in the slug"
[[ -e $work/tmp/app/package.json ]] || fail "no ./app/package.json in the slug"
assert_eq "$(tar tzf "$work/tmp/slug.tgz" | grep -cv '^\./app\(/\|$\)' || true)" 0 "entries outside ./app"

note "the same bytes are layers of the image in the registry"
image=docker://$http_address/hello
skopeo inspect --tls-verify=false "$image:v2" >"$work/tmp/inspect.json" || fail "skopeo inspect"
skopeo inspect --tls-verify=false --raw "$image:v2" >"$work/tmp/manifest.json"
slug_digest=sha256:$(sha256sum <"$work/tmp/slug.tgz" | cut -d' ' -f1)
# One layer or several, one after the other.
mapfile -t layers < <(jq -r '.layers[].digest | ltrimstr("sha256:")' "$work/tmp/manifest.json")
for layer in "${layers[@]}"; do curl -sS --fail -o "$work/tmp/$layer" "http://$http_address/v2/hello/blobs/sha256:$layer"; done
found=no
for ((first = 0; first < ${#layers[@]}; first++)); do
  for ((count = 1; first + count <= ${#layers[@]}; count++)); do
    digest=$(cd "$work/tmp" && cat "${layers[@]:first:count}" | sha256sum | cut -d' ' -f1)
    [[ sha256:$digest != "$slug_digest" ]] || found=yes
  done
done
[[ $found == yes ]] || fail "the slug is not among the layers of the image"
assert_eq "sha256:$(sha256sum <"$work/tmp/manifest.json" | cut -d' ' -f1)" "$(fairlead releases:info v2 -a hello --json | jq -r .image_digest)" "image digest"
for tag in v2 latest "git-$(git -C "$work/hello" rev-parse HEAD | cut -c1-12)"; do
  jq -e --arg tag "$tag" '.RepoTags | index($tag)' "$work/tmp/inspect.json" >/dev/null || fail "no tag $tag"
done
assert_eq "$(jq -r '.Labels["org.opencontainers.image.revision"]' "$work/tmp/inspect.json")" "$(git -C "$work/hello" rev-parse HEAD)" "revision label"
skopeo copy -q --src-tls-verify=false "$image:v2" "dir:$work/tmp/image" || fail "skopeo copy"
(cd "$work/tmp/image" && for blob in *; do [[ ${#blob} != 64 ]] || echo "$blob  $blob"; done | sha256sum -c --quiet) || fail "a copied blob is damaged"

note "how long each phase took: all of the time, and what of it is ours"
info=$(fairlead builds:info -a hello --json)
jq -c '.phase_ms, .own_ms' <<<"$info"
for phase in receive check accept queue export prepare cache sandbox detect compile release slug_list slug_pack commit launch; do
  jq -e --arg phase "$phase" '.phase_ms[$phase] >= 0' <<<"$info" >/dev/null || fail "builds:info has no phase $phase"
done
assert_contains "$(fairlead builds:info -a hello)" "own:" "builds:info"
