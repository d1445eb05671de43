#!/usr/bin/env bash
# TLS in front of the registry: push and pull through it, an app's image named by it, a certificate renewed while it serves.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

new_certificate() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=$1" -addext 'subjectAltName=IP:127.0.0.1,DNS:localhost' -keyout "$work/key.new" \
    -out "$work/cert.new" 2>/dev/null
  mv "$work/key.new" "$work/key.pem"
  mv "$work/cert.new" "$work/cert.pem"
  mkdir -p "$work/certs"
  cp "$work/cert.pem" "$work/certs/ca.crt"
}
ask() { curl -sS -o /dev/null -w '%{http_code}' --cacert "$work/cert.pem" "$@"; }

new_certificate one
printf 'https_listen = 127.0.0.1:0\ntls_certificate = %s\ntls_key = %s\n' "$work/cert.pem" "$work/key.pem" >>"$work/fairlead.conf"
start_server
https=$(ready_field https)
token=$(fairlead tokens:create --json | jq -r .token)
! cat /proc/net/udp /proc/net/udp6 | grep -q ":$(printf '%04X' "${https##*:}") " || fail "a UDP port is open beside https_listen"

note "nobody is this machine behind it"
assert_eq "$(ask "https://$https/v2/")" 401 "without a token"
assert_eq "$(ask -u "me:$token" "https://$https/v2/")" 200 "with one"

note "push and pull"
deploy_web_app hello one
head -c 20000000 /dev/urandom >"$work/hello/noise"
commit hello "Large"
push hello
skopeo copy -q --src-cert-dir "$work/certs" --src-creds "me:$token" --dest-cert-dir "$work/certs" --dest-creds "me:$token" "docker://$https/hello:v3" "docker://$https/copy:1"
skopeo copy -q --src-cert-dir "$work/certs" --src-creds "me:$token" "docker://$https/copy:1" "oci:$work/pulled:1"
assert_eq "$(skopeo inspect --format '{{.Digest}}' "oci:$work/pulled:1")" "$(fairlead releases:info v3 -a hello --json | jq -r .image_digest)" "digest"
assert_contains "$(fairlead releases:info v3 -a hello)" "localhost:${https##*:}/hello:v3" "the image's name"

note "the client by https"
cp "$work/cert.pem" "$work/ca.pem"
by_https() { env FAIRLEAD_URL="https://$1" FAIRLEAD_TOKEN="$token" SSL_CERT_FILE="$work/ca.pem" "$FAIRLEAD" "${@:2}"; }
assert_eq "$(by_https "$https" apps --json)" "$(fairlead apps --json)" "apps"
assert_eq "$(by_https "localhost:${https##*:}" run -a hello echo by https)" "by https" "a command that takes input"
by_https "$https" slugs:download -a hello -o - | tar tz | grep '^\./app/web$' >/dev/null || fail "a slug"
refused 1 env FAIRLEAD_URL="https://$https" FAIRLEAD_TOKEN="$token" "$FAIRLEAD" apps
assert_contains "$refusal" "SSL_CERT_FILE=" "answer about an unknown authority"

note "after a restart of the daemon"
kill9_server
start_server
assert_eq "$(ready_field https)" "$https" "address"
assert_eq "$(ask -u "me:$token" "https://$https/v2/")" 200 "with a token"

note "what is no certificate ends the start with a sentence"
stop_server
rm "$work/key.pem"
refused 1 "$FAIRLEAD" serve --data "$data" --config "$work/fairlead.conf" --ssh-listen 127.0.0.1:0 --http-listen 127.0.0.1:0 --router-listen 127.0.0.1:0
assert_contains "$refusal" "tls_key" "answer"
new_certificate two
start_server
assert_eq "$(ask -u "me:$token" "https://$https/v2/")" 200 "with the new certificate"
