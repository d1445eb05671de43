#!/usr/bin/env bash
# Releases go to another registry, too: with a login, through TLS, again after the registry or the server was killed, and back in as a stack.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

namespace=flp-$$
address=

story_cleanup() {
  stop_registry
  ip netns del "$namespace" 2>/dev/null
  return 0
}

stop_registry() {
  [[ -n ${registry_pid:-} ]] || return 0
  kill -KILL "$registry_pid" 2>/dev/null || true
  wait "$registry_pid" 2>/dev/null || true
  registry_pid=
}

# A network namespace with an address of its own: 127.0.0.1 is spoken to without TLS.
make_network() {
  local third=$((RANDOM % 250))
  address=198.18.$third.2
  ip netns add "$namespace"
  ip link add "flp$$" type veth peer name eth0 netns "$namespace"
  ip addr add "198.18.$third.1/30" dev "flp$$"
  ip link set "flp$$" up
  ip -n "$namespace" addr add "$address/30" dev eth0
  ip -n "$namespace" link set eth0 up
  ip -n "$namespace" link set lo up
}

make_certificates() {
  mkdir -p "$work/tls"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=authority -keyout "$work/tls/ca.key" -out "$work/tls/ca.pem" 2>/dev/null
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=registry -keyout "$work/tls/key.pem" -out "$work/tls/request.pem" 2>/dev/null
  openssl x509 -req -in "$work/tls/request.pem" -days 2 -CA "$work/tls/ca.pem" -CAkey "$work/tls/ca.key" -CAcreateserial \
    -extfile <(printf 'subjectAltName=IP:%s' "$address") -out "$work/tls/cert.pem" 2>/dev/null
}

# docker-registry with a password and TLS.
start_registry() {
  python3 -W ignore -c 'import crypt; print("me:" + crypt.crypt("secret", crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16)))' >"$work/htpasswd"
  cat >"$work/registry.yml" <<TEXT
version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: $work/registry}}
auth: {htpasswd: {realm: it, path: $work/htpasswd}}
http: {addr: "$address:5000", secret: x, tls: {certificate: $work/tls/cert.pem, key: $work/tls/key.pem}}
TEXT
  ip netns exec "$namespace" docker-registry serve "$work/registry.yml" >>"$work/registry.log" 2>&1 </dev/null &
  registry_pid=$!
  wait_until 20 "docker-registry answers" registry_answers
}
registry_answers() { there /v2/ -o /dev/null; }
# there PATH [CURL OPTIONS...]
there() {
  local path=$1
  shift
  curl -sSf --noproxy '*' --cacert "$work/tls/ca.pem" -u me:secret "$@" "https://$address:5000$path" 2>>"$work/curl.log"
}
digest_there() { there "/v2/team/hello/manifests/$1" -I -H 'Accept: application/vnd.oci.image.manifest.v1+json' | sed -n 's/^Docker-Content-Digest: \(.*\)\r$/\1/Ip'; }
digest_here() { fairlead releases:info "$1" -a hello --json | jq -r .image_digest; }
state_of() { fairlead releases:info "$1" -a hello --json | jq -r '.publications[0].status'; }
is_published() { [[ $(state_of "$1") == succeeded ]]; }
is_tried() { [[ $(fairlead releases:info "$1" -a hello --json | jq -r '.publications[0].attempts') -ge 1 ]]; }

command -v docker-registry >/dev/null || skip "no docker-registry here"
make_network
make_certificates
printf 'ca_bundle = %s\n' "$work/tls/ca.pem" >>"$work/fairlead.conf"
start_server
deploy_web_app hello one
start_registry

note "without a login"
refused 1 fairlead publish:to "$address:5000/team/hello" -a hello
assert_contains "$refusal" "log in there with: fairlead registries:add $address:5000" "answer"
assert_contains "$(fairlead releases:info -a hello)" "failed: " "state of the release"
fairlead registries:add "$address:5000" --username me <<<wrong
refused 1 fairlead publish:now -a hello
assert_contains "$refusal" "log in with an account that may do that" "answer"

note "with one"
fairlead registries:add "$address:5000" --username me <<<secret
assert_eq "$(stat -c %a "$data/keys/registries.json")" 600 "mode of the logins"
assert_contains "$(fairlead publish:now -a hello)" "v2 is at $address:5000/team/hello:v2" "answer"
assert_eq "$(digest_there v2)" "$(digest_here v2)" "digest there"
assert_eq "$(digest_there latest)" "$(digest_here v2)" "latest there"

note "each push from now on"
write_web_app hello two
commit hello "Second"
push hello
wait_until 60 "v3 is there" is_published v3
assert_eq "$(digest_there latest)" "$(digest_here v3)" "latest there"
assert_contains "$(fairlead logs -a hello -n 50)" "v3 is at $address:5000/team/hello:v3" "log"

note "the registry is away, and the server is killed: the release goes when both are back"
stop_registry
fairlead config:set A=b -a hello >/dev/null
wait_until 30 "a try" is_tried v4
kill9_server
start_server
assert_eq "$(state_of v4)" pending "state after the kill"
start_registry
fairlead publish:now v4 -a hello | sed 's/^/  | /'
assert_eq "$(digest_there v4)" "$(digest_here v4)" "digest there"

note "mounted from the first into another repository"
fairlead publish:now v4 -a hello --to "$address:5000/team/copy" | sed 's/^/  | /' >"$work/copy.txt"
assert_contains "$(tail -n 2 "$work/copy.txt")" "v4 is at $address:5000/team/copy:v4" "answer"
there /v2/team/copy/manifests/v4 -o /dev/null -H 'Accept: application/vnd.oci.image.manifest.v1+json'

note "and back in: as a stack, with the login"
fairlead stacks:import back --run "$address:5000/team/hello:v4" --build "$address:5000/team/hello@$(digest_here v3)" | sed 's/^/  | /'
fairlead registries:remove "$address:5000" >/dev/null
refused 1 fairlead stacks:import back --run "$address:5000/team/hello:v4" --build "$address:5000/team/hello:v3"
assert_contains "$refusal" "fairlead registries:add" "answer"

note "a certificate of somebody else"
sed -i '/^ca_bundle/d' "$work/fairlead.conf"
stop_server
start_server
refused 1 fairlead stacks:import other --run "$address:5000/team/hello:v4" --build "$address:5000/team/hello:v4"
assert_contains "$refusal" "does not answer: " "answer"
assert_contains "$refusal" "ertificate" "answer"

note "switched off"
fairlead publish:off -a hello >/dev/null
fairlead config:set A=c -a hello >/dev/null
assert_eq "$(fairlead releases:info -a hello --json | jq -c .publications)" "[]" "publications of the last release"
refused 1 fairlead publish:now v1 -a hello --to "$address:5000/x"
assert_contains "$refusal" "v1 has no image" "answer"
