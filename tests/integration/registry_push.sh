#!/usr/bin/env bash
# Images that people push: skopeo, umoci, podman, buildah and docker, an upload in chunks that goes on after kill -9, and what is refused.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

story_cleanup() {
  if [[ -n ${docker_pid:-} ]]; then
    kill -TERM "$docker_pid" 2>/dev/null && wait "$docker_pid"
    umount "$work/docker/exec/netns/default" 2>/dev/null
  fi
  umount "$work/podman/root/overlay" 2>/dev/null
  return 0
}

storage_options() {
  mkdir -p "$work/podman"
  printf '%s\n' --root "$work/podman/root" --runroot "$work/podman/run" --storage-driver=vfs
}
podman_here() { podman $(storage_options) --cgroup-manager=cgroupfs --events-backend=none "$@"; }
buildah_here() { buildah $(storage_options) "$@"; }
docker_here() { docker -H "unix://$work/docker/docker.sock" --config "$work/docker/config" "$@"; }

# v2 METHOD PATH [CURL OPTIONS...]: the status; headers in $work/head, body in $work/body.
v2() {
  local method=$1 path=$2
  shift 2
  curl -sS -X "$method" -u "me:$token" -D "$work/head" -o "$work/body" -w '%{http_code}' "$@" "http://$http_address$path"
}
head_of() { sed -n "s/^$1: \(.*\)\r$/\1/Ip" "$work/head"; }
digest_of() { printf 'sha256:%s' "$(sha256sum "$1" | cut -d ' ' -f 1)"; }

# An OCI layout with an image of one layer.
make_image() {
  local layout=$1 layer diff config manifest
  mkdir -p "$layout/blobs/sha256" "$work/layer"
  head -c 300000 /dev/urandom >"$work/layer/data"
  tar -C "$work/layer" -cf "$work/layer.tar" data
  diff=$(digest_of "$work/layer.tar")
  gzip -n "$work/layer.tar"
  layer=$(digest_of "$work/layer.tar.gz")
  printf '{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":["%s"]}}' "$diff" >"$work/config.json"
  config=$(digest_of "$work/config.json")
  printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"%s","size":%s},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"%s","size":%s}]}' \
    "$config" "$(stat -c %s "$work/config.json")" "$layer" "$(stat -c %s "$work/layer.tar.gz")" >"$work/manifest.json"
  manifest=$(digest_of "$work/manifest.json")
  cp "$work/layer.tar.gz" "$layout/blobs/sha256/${layer#sha256:}"
  cp "$work/config.json" "$layout/blobs/sha256/${config#sha256:}"
  cp "$work/manifest.json" "$layout/blobs/sha256/${manifest#sha256:}"
  printf '{"imageLayoutVersion":"1.0.0"}' >"$layout/oci-layout"
  printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"%s","size":%s,"annotations":{"org.opencontainers.image.ref.name":"one"}}]}' \
    "$manifest" "$(stat -c %s "$work/manifest.json")" >"$layout/index.json"
  image_digest=$manifest
}

with_skopeo() {
  note "skopeo"
  skopeo copy -q --dest-tls-verify=false --dest-creds "me:$token" "oci:$work/layout:one" "docker://$http_address/tools/one:1.0"
  assert_eq "$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$http_address/tools/one:1.0")" "$image_digest" "pushed digest"
  skopeo copy -q --src-tls-verify=false "docker://$http_address/tools/one:1.0" "oci:$work/back:one"
  diff -r "$work/layout/blobs" "$work/back/blobs" || fail "skopeo got something else back"
  note "skopeo, from one repository to another"
  skopeo copy -q --src-tls-verify=false --dest-tls-verify=false --dest-creds "me:$token" "docker://$http_address/tools/one:1.0" "docker://$http_address/other:1.0"
  refused any skopeo copy -q --dest-tls-verify=false "oci:$work/layout:one" "docker://$http_address/tools/one:2.0"
  refused any skopeo copy -q --dest-tls-verify=false --dest-creds me:wrong "oci:$work/layout:one" "docker://$http_address/tools/one:2.0"
  skopeo delete --tls-verify=false --creds "me:$token" "docker://$http_address/other:1.0"
  refused any skopeo inspect --tls-verify=false "docker://$http_address/other:1.0"
}

# umoci works on layouts only: what the registry gave is changed by it, pushed, and taken apart again.
with_umoci() {
  note "umoci"
  umoci unpack --image "$work/back:one" "$work/bundle"
  cmp "$work/bundle/rootfs/data" "$work/layer/data"
  echo added >"$work/bundle/rootfs/added"
  umoci repack --image "$work/back:two" "$work/bundle"
  skopeo copy -q --dest-tls-verify=false --dest-creds "me:$token" "oci:$work/back:two" "docker://$http_address/by/umoci:x"
  skopeo copy -q --src-tls-verify=false "docker://$http_address/by/umoci:x" "oci:$work/again:two"
  umoci unpack --image "$work/again:two" "$work/unpacked"
  assert_eq "$(cat "$work/unpacked/rootfs/added")" added "a file of the second layer"
  cmp "$work/unpacked/rootfs/data" "$work/layer/data"
}

with_podman() {
  note "podman and buildah"
  export REGISTRY_AUTH_FILE=$work/auth.json
  refused any podman_here login --tls-verify=false -u me -p wrong "$http_address"
  podman_here login --tls-verify=false -u me -p "$token" "$http_address" >/dev/null
  podman_here pull -q --tls-verify=false "$http_address/tools/one:1.0" >/dev/null
  podman_here push -q --tls-verify=false "$http_address/tools/one:1.0" "$http_address/by/podman:x"
  local container
  container=$(buildah_here from --pull-never "$http_address/tools/one:1.0")
  buildah_here config --label by=buildah "$container"
  buildah_here commit -q "$container" built >/dev/null
  buildah_here push -q --tls-verify=false built "$http_address/by/buildah:x"
  buildah_here rm "$container" >/dev/null
  podman_here rmi -af >/dev/null
  podman_here pull -q --tls-verify=false "$http_address/by/buildah:x" >/dev/null
  assert_eq "$(podman_here inspect --format '{{index .Labels "by"}}' "$http_address/by/buildah:x")" buildah "label"
  podman_here logout "$http_address" >/dev/null
  unset REGISTRY_AUTH_FILE
}

with_docker() {
  local folder=$work/docker
  command -v dockerd >/dev/null || { note "no docker here" && return; }
  note "docker"
  mkdir -p "$folder"
  dockerd --data-root "$folder/data" --exec-root "$folder/exec" --pidfile "$folder/pid" -H "unix://$folder/docker.sock" --iptables=false --ip6tables=false \
    --bridge=none --storage-driver=vfs --insecure-registry "$http_address" >"$folder/log" 2>&1 </dev/null &
  docker_pid=$!
  wait_until 60 "dockerd answers" docker_here version >/dev/null 2>&1
  docker_here login -u me --password-stdin "$http_address" <<<"$token" >/dev/null 2>&1
  docker_here pull -q "$http_address/tools/one:1.0" >/dev/null
  docker_here tag "$http_address/tools/one:1.0" "$http_address/by/docker:x"
  docker_here push -q "$http_address/by/docker:x" >/dev/null
  docker_here rmi "$http_address/by/docker:x" "$http_address/tools/one:1.0" >/dev/null
  docker_here pull -q "$http_address/by/docker:x" >/dev/null
}

has_more_than_one_chunk() { (($(stat -c %s "$upload_file") > 1000000)); }

# The server is killed in the middle of a chunk; the upload goes on from what the status says.
resumed_after_kill() {
  local location size sent digest
  note "an upload goes on after kill -9"
  head -c 3000000 /dev/urandom >"$work/blob"
  digest=$(digest_of "$work/blob")
  assert_eq "$(v2 POST /v2/big/blobs/uploads/)" 202 "begin"
  location=$(head_of Location)
  head -c 1000000 "$work/blob" >"$work/chunk"
  assert_eq "$(v2 PATCH "$location" -H 'Content-Range: 0-999999' -H 'Content-Type: application/octet-stream' --data-binary "@$work/chunk")" 202 "first chunk"
  tail -c +1000001 "$work/blob" >"$work/chunk"
  curl -sS -X PATCH -u "me:$token" -H 'Content-Range: 1000000-2999999' -H 'Expect:' --limit-rate 500K --data-binary "@$work/chunk" "http://$http_address$location" >/dev/null 2>&1 &
  upload_file=$data/blobs/sessions/${location##*/}
  wait_until 20 "bytes of the second chunk" has_more_than_one_chunk
  kill9_server
  start_server
  assert_eq "$(v2 GET "$location")" 204 "status"
  assert_eq "$(head_of Range)" 0-999999 "what is durable"
  assert_eq "$(v2 PATCH "$location" -H 'Content-Range: 1000000-2999999' -H 'Content-Type: application/octet-stream' --data-binary "@$work/chunk")" 202 "second chunk again"
  assert_eq "$(v2 PUT "$location?digest=$digest")" 201 "completion"
  assert_eq "$(v2 GET "/v2/big/blobs/$digest")" 200 "the blob"
  cmp "$work/body" "$work/blob"
  assert_eq "$(find "$data/blobs/sessions" -type f | wc -l)" 0 "uploads left"
}

refusals() {
  note "what is Fairlead's own"
  fairlead apps:create hello >/dev/null
  for tag in latest v3 git-1a2b3c4d5e6f; do
    assert_eq "$(v2 PUT "/v2/hello/manifests/$tag" -H 'Content-Type: application/vnd.oci.image.manifest.v1+json' --data-binary "@$work/manifest.json")" 403 "PUT of $tag"
    assert_contains "$(cat "$work/body")" '"DENIED"' "refusal of $tag"
  done
  skopeo copy -q --dest-tls-verify=false --dest-creds "me:$token" "oci:$work/layout:one" "docker://$http_address/hello:mine"
  assert_eq "$(v2 DELETE "/v2/hello/manifests/$image_digest")" 202 "DELETE of what was pushed"
  assert_eq "$(curl -sS -o /dev/null -w '%{http_code}' -X DELETE "http://$http_address/v2/tools/one/manifests/1.0")" 401 "DELETE without a token"
}

start_server
token=$(fairlead tokens:create --json | jq -r .token)
make_image "$work/layout"
with_skopeo
with_umoci
with_podman
resumed_after_kill
refusals
with_docker
