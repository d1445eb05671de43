#!/usr/bin/env bash
# The release's image, pulled from the registry by podman or docker, serves the same page without Fairlead.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

story_cleanup() {
  [[ -z ${podman_container:-} ]] || podman_here rm -f "$podman_container" >/dev/null 2>&1
  if [[ -n ${docker_pid:-} ]]; then
    docker_here rm -f "$(docker_here ps -aq)" >/dev/null 2>&1
    kill -TERM "$docker_pid" 2>/dev/null && wait "$docker_pid"
    umount "$work/docker/exec/netns/default" 2>/dev/null  # the host's network, which docker leaves mounted there
  fi
  # podman keeps its storage's folder mounted onto itself
  umount "$work/podman/root/overlay" 2>/dev/null
  return 0
}

podman_here() {
  mkdir -p "$work/podman"
  CONTAINERS_CONF=$work/containers.conf podman --root "$work/podman/root" --runroot "$work/podman/run" --cgroup-manager=cgroupfs --runtime=runc \
    --events-backend=none "$@"
}

docker_here() { docker -H "unix://$work/docker/docker.sock" "$@"; }

# Each try: pulls the image and leaves a container that listens on $port.
try_podman() {
  command -v podman >/dev/null || return 1
  printf '[containers]\ndefault_ulimits = []\n' >"$work/containers.conf"
  podman_container=elsewhere
  podman_here pull -q --tls-verify=false "$image" >/dev/null || return 1
  podman_here run -d --name elsewhere --network host --ulimit host -e "PORT=$port" "$image" >/dev/null
}

try_docker() {
  local folder=$work/docker
  command -v dockerd >/dev/null || return 1
  mkdir -p "$folder"
  dockerd --data-root "$folder/data" --exec-root "$folder/exec" --pidfile "$folder/pid" -H "unix://$folder/docker.sock" --iptables=false --ip6tables=false \
    --bridge=none --insecure-registry "$http_address" >"$folder/log" 2>&1 </dev/null &
  docker_pid=$!
  wait_until 60 "dockerd answers" docker_here version >/dev/null 2>&1 || return 1
  docker_here pull -q "$image" >/dev/null || return 1
  docker_here run -d --network host -e "PORT=$port" "$image" >/dev/null
}

page_elsewhere() { curl -sS --fail --max-time 5 "http://127.0.0.1:$port/" 2>/dev/null; }
serves_elsewhere() { [[ -n $(page_elsewhere) ]]; }

start_server
new_app hello
cp -R "$ROOT/examples/node-express/." "$work/hello/"
commit hello "First"
push hello
expected=$(page hello)

image=$http_address/hello:v2
port=$((20000 + RANDOM % 10000))
if try_podman; then
  note "podman runs it"
elif try_docker; then
  note "docker runs it"
else
  skip "neither podman nor docker runs containers on this machine"
fi
wait_until 30 "the page without Fairlead" serves_elsewhere
note "it says: $(page_elsewhere)"
# What differs from one process to the next (times, names of machines) is not a page: compare the first line.
assert_eq "$(page_elsewhere | head -n 1)" "$(head -n 1 <<<"$expected")" "page"
