#!/usr/bin/env bash
# Logging in to the registry with what registry:login prints: docker, podman, skopeo, buildah, containerd and Kubernetes' secret; what tokens
# for pulling, of one app, expired and removed ones may not; through a proxy with TLS.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

story_cleanup() {
  if [[ -n ${caddy_pid:-} ]]; then kill -TERM "$caddy_pid" 2>/dev/null && wait "$caddy_pid"; fi
  if [[ -n ${docker_pid:-} ]]; then
    kill -TERM "$docker_pid" 2>/dev/null && wait "$docker_pid"
    umount "$work/docker/exec/netns/default" 2>/dev/null
  fi
  umount "$work/podman/root/overlay" 2>/dev/null
  return 0
}

# The programs as their users have them, but with everything below $work.
docker() { command docker -H "unix://$work/docker/docker.sock" --config "$work/docker/config" "$@"; }
podman() { command podman --root "$work/podman/root" --runroot "$work/podman/run" --storage-driver=vfs --cgroup-manager=cgroupfs --events-backend=none "$@"; }
buildah() { command buildah --root "$work/podman/root" --runroot "$work/podman/run" --storage-driver=vfs "$@"; }
ctr_pull() { ctr -a "$work/docker/exec/containerd/containerd.sock" -n story images pull --snapshotter native "$@"; }

# login NAME OPTIONS...: a credential; $NAME is its JSON.
login() {
  local name=$1
  shift
  printf -v "$name" '%s' "$(fairlead registry:login "$@" --json)"
}
field() { jq -r "$2" <<<"$1"; }
status() { curl -sS -o "$work/body" -w '%{http_code}' "$@"; }

make_image() {
  mkdir -p "$work/layer" "$work/image/blobs/sha256"
  head -c 200000 /dev/urandom >"$work/layer/data"
  printf 'FROM scratch\nCOPY data /data\nCMD ["/data"]\n' >"$work/layer/Dockerfile"
  buildah build -q -f "$work/layer/Dockerfile" -t one "$work/layer" >/dev/null
}

start_docker() {
  mkdir -p "$work/docker"
  dockerd --data-root "$work/docker/data" --exec-root "$work/docker/exec" --pidfile "$work/docker/pid" -H "unix://$work/docker/docker.sock" --iptables=false \
    --ip6tables=false --bridge=none --storage-driver=vfs >"$work/docker/log" 2>&1 </dev/null &
  docker_pid=$!
  wait_until 60 "dockerd answers" docker version >/dev/null 2>&1
}

with_podman_and_buildah() {
  note "podman, buildah and skopeo with one login"
  local command
  export REGISTRY_AUTH_FILE=$work/auth.json
  refused any buildah push -q --tls-verify=false one "docker://$host/tools/one:1.0"
  command=$(field "$writer" .login.podman_login)
  refused any eval "${command/fl-/fl-x}"
  eval "$command" >/dev/null
  podman push -q --tls-verify=false one "$host/tools/one:1.0"
  podman logout "$host" >/dev/null
  refused any podman push -q --tls-verify=false one "$host/tools/one:2.0"
  eval "${command/podman login/buildah login}" >/dev/null
  buildah push -q --tls-verify=false one "docker://$host/by/buildah:x"
  skopeo copy -q --src-tls-verify=false --dest-tls-verify=false "docker://$host/by/buildah:x" "docker://$host/other/one:1"
  skopeo delete --tls-verify=false "docker://$host/by/buildah:x"
  unset REGISTRY_AUTH_FILE
  podman rmi -af >/dev/null
  note "podman and skopeo from this machine without a login"
  podman pull -q --tls-verify=false "$host/tools/one:1.0" >/dev/null
  skopeo inspect --tls-verify=false "docker://$host/other/one:1" >/dev/null
  refused any podman push -q --tls-verify=false "$host/tools/one:1.0" "$host/tools/one:3.0"
}

with_docker() {
  note "docker: pulls from this machine without a login, and pushes with one"
  local command
  docker pull -q "$host/tools/one:1.0" >/dev/null
  docker tag "$host/tools/one:1.0" "$host/by/docker:x"
  refused any docker push -q "$host/by/docker:x"
  assert_contains "$refusal" denied "docker's answer"
  command=$(field "$writer" .login.docker_login)
  refused any eval "${command/fl-/fl-x}"
  eval "$command" >/dev/null 2>&1
  docker push -q "$host/by/docker:x" >/dev/null
  docker rmi "$host/by/docker:x" "$host/tools/one:1.0" >/dev/null
  docker pull -q "$host/by/docker:x" >/dev/null
  # It keeps a token that is good at the registry only.
  assert_lacks "$(cat "$work/docker/config/config.json")" "$(printf 'fairlead:%s' "$(field "$writer" .token)" | base64 -w 0)" "docker's configuration"
  docker logout "$host" >/dev/null
  docker tag "$host/by/docker:x" "$host/hello/web:1"
  refused any docker push -q "$host/hello/web:1"
  note "docker: who may push an app's images"
  login app --push -a hello
  eval "$(field "$app" .login.docker_login)" >/dev/null 2>&1
  docker push -q "$host/hello/web:1" >/dev/null
  docker tag "$host/by/docker:x" "$host/tools/one:4.0"
  refused any docker push -q "$host/tools/one:4.0"
  docker logout "$host" >/dev/null
}

everybody_logs_in() {
  note "everybody needs a login now"
  stop_server
  printf 'registry_anonymous_pull = none\n' >>"$work/fairlead.conf"
  start_server
  refused any skopeo inspect --tls-verify=false "docker://$host/tools/one:1.0"
  refused any docker pull -q "$host/tools/one:1.0"
  login reader
  eval "$(field "$reader" .login.docker_login)" >/dev/null 2>&1
  docker pull -q "$host/tools/one:1.0" >/dev/null
  docker tag "$host/tools/one:1.0" "$host/tools/one:5.0"
  refused any docker push -q "$host/tools/one:5.0"
  refused any docker pull -q "$host/tools/none:1.0"
}

# write_hosts JSON [CA]: containerd's configuration as it was printed.
write_hosts() {
  local file=$work$(field "$1" .login.containerd_hosts_file)
  mkdir -p "$(dirname "$file")"
  field "$1" .login.containerd_hosts_toml >"$file"
  [[ -z ${2:-} ]] || sed -i "s|^  capabilities|  ca = \"$2\"\n  capabilities|" "$file"
}

with_containerd() {
  note "containerd"
  refused any ctr_pull --plain-http "$host/tools/one:1.0"
  refused any ctr_pull --plain-http --user "fairlead:fl-wrong" "$host/tools/one:1.0"
  ctr_pull --plain-http --user "fairlead:$(field "$reader" .token)" "$host/tools/one:1.0" >/dev/null
  write_hosts "$reader"
  ctr_pull --hosts-dir "$work/etc/containerd/certs.d" "$host/other/one:1" >/dev/null
}

with_kubernetes() {
  command -v kubectl >/dev/null || { note "no kubectl here" && return; }
  note "Kubernetes' imagePullSecret"
  eval "$(field "$reader" .login.kubernetes) --dry-run=client -o json" | jq -r '.data[".dockerconfigjson"]' | base64 -d >"$work/pull.json"
  skopeo inspect --tls-verify=false --authfile "$work/pull.json" "docker://$host/tools/one:1.0" >/dev/null
}

rights() {
  local token url=http://$http_address
  note "what tokens may not"
  token=$(field "$reader" .token)
  assert_eq "$(status -u "me:$token" "$url/v2/tools/one/manifests/1.0")" 200 "Basic, at once"
  assert_eq "$(status -u "me:$token" -X POST "$url/v2/tools/one/blobs/uploads/")" 403 "a push"
  assert_eq "$(status -H "Authorization: Bearer $token" "$url/apps/hello/builds")" 403 "the API"
  assert_contains "$(cat "$work/body")" "for the registry only" "the API's answer"
  assert_eq "$(status -u "me:$token" "$url/metrics")" 200 "metrics from this machine"
  refused 1 env FAIRLEAD_URL="$url" FAIRLEAD_TOKEN="$token" "$FAIRLEAD" apps
  token=$(field "$app" .token)
  assert_eq "$(status -u "me:$token" "$url/v2/hello/web/manifests/1")" 200 "the app's"
  assert_eq "$(status -u "me:$token" "$url/v2/tools/one/manifests/1.0")" 403 "another's"
  assert_eq "$(status -u "me:$token" "$url/v2/_catalog")" 403 "the catalog"
  refused 1 env FAIRLEAD_URL="$url" FAIRLEAD_TOKEN="$token" "$FAIRLEAD" apps
  note "a token that expires, and one that is removed under its bearers"
  token=$(fairlead tokens:create short --pull --expires 1s)
  sleep_is_over() { [[ $(status -u "me:$token" "$url/v2/") == 401 ]]; }
  wait_until 10 "the token expires" sleep_is_over
  assert_contains "$(cat "$work/body")" "tokens:create" "what to do then"
  assert_contains "$(fairlead tokens)" "expired " "tokens"
  bearer=$(curl -sS -u "me:$(field "$reader" .token)" "$url/token?scope=repository:tools/one:pull" | jq -r .token)
  assert_eq "$(status -H "Authorization: Bearer $bearer" "$url/v2/tools/one/manifests/1.0")" 200 "a bearer"
  fairlead tokens:revoke "$(field "$reader" .id)" >/dev/null
  assert_eq "$(status -H "Authorization: Bearer $bearer" "$url/v2/tools/one/manifests/1.0")" 401 "the removed token's bearer"
  docker rmi "$host/tools/one:1.0" "$host/tools/one:5.0" "$host/tools/one:4.0" >/dev/null
  refused any docker pull -q "$host/tools/one:1.0"
}

# Caddy in front, with a certificate of its own CA. The server sees a proxy on loopback.
through_tls() {
  local port proxy ca=$work/caddy/pki/authorities/local/root.crt
  note "through a proxy with TLS"
  port=$(free_port)
  proxy=localhost:$port
  printf '{\n admin off\n skip_install_trust\n storage file_system %s\n auto_https disable_redirects\n}\nhttps://%s {\n tls internal\n reverse_proxy %s\n}\n' \
    "$work/caddy" "$proxy" "$http_address" >"$work/Caddyfile"
  caddy run --config "$work/Caddyfile" --adapter caddyfile >"$work/caddy.log" 2>&1 </dev/null &
  caddy_pid=$!
  proxy_answers() { [[ $(curl -s --cacert "$ca" "https://$proxy/healthz") == ok ]]; }
  wait_until 30 "the proxy answers" proxy_answers
  assert_contains "$(curl -sS --cacert "$ca" -D - -o "$work/body" "https://$proxy/v2/")" "realm=\"https://$proxy/token\",service=\"$proxy\"" "challenge"
  login tls --push --url "https://$proxy"
  mkdir -p "$work/certs"
  cp "$ca" "$work/certs/ca.crt"
  export REGISTRY_AUTH_FILE=$work/tls.json
  podman() { command podman "$1" --cert-dir "$work/certs" "${@:2}"; }
  eval "$(field "$tls" .login.podman_login)" >/dev/null
  skopeo copy -q --src-cert-dir "$work/certs" --dest-cert-dir "$work/certs" "docker://$proxy/tools/one:1.0" "docker://$proxy/tls/one:1"
  unset REGISTRY_AUTH_FILE
  write_hosts "$tls" "$work/certs/ca.crt"
  ctr_pull --hosts-dir "$work/etc/containerd/certs.d" "$proxy/tls/one:1" >/dev/null
  refused any ctr_pull --hosts-dir "$work/none" --tlscacert "$work/certs/ca.crt" "$proxy/tls/one:1"
}

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

command -v dockerd >/dev/null || skip "docker is not here"
start_server
host=localhost:${http_address##*:}
fairlead apps:create hello >/dev/null
login writer --push
make_image
with_podman_and_buildah
start_docker
with_docker
everybody_logs_in
with_containerd
with_kubernetes
rights
through_tls
