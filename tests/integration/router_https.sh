#!/usr/bin/env bash
# Apps over HTTPS: certificates come from an authority that speaks ACME (here a second Caddy) at a host's first connection, for hosts of apps
# only, and last over restarts; HTTP leads there; HTTP/2, websockets, streams and uploads work as without TLS.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/integration/support/load.sh
. "$ROOT/tests/integration/support/load.sh"
story_cleanup() { [[ -z ${authority_pid:-} ]] || kill "$authority_pid" 2>/dev/null || true; }

# Authorities look at ports 80 and 443, so the router has them, at an address of this story's own.
address=127.88.$((RANDOM % 200 + 1)).$((RANDOM % 200 + 1))
hosts="hello.fairlead.example www.customer.example nobody.fairlead.example"

# An authority for whom these hosts are at that address.
start_authority() {
  local port
  mkdir -p "$work/ca"
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  printf '127.0.0.1 localhost\n%s %s\n' "$address" "$hosts" >"$work/ca/hosts"
  cat >"$work/ca/Caddyfile" <<TEXT
{
  admin off
  auto_https disable_redirects
  skip_install_trust
  local_certs
}
https://localhost:$port {
  acme_server
}
TEXT
  # shellcheck disable=SC2016 # for the shell in there
  HOME=$work/ca XDG_DATA_HOME=$work/ca/data unshare --mount sh -c 'mount --bind "$1/hosts" /etc/hosts && exec caddy run --config "$1/Caddyfile" --adapter caddyfile' - "$work/ca" \
    >"$work/ca/log" 2>&1 &
  authority_pid=$!
  root=$work/ca/data/caddy/pki/authorities/local/root.crt
  directory=https://localhost:$port/acme/local/directory
  wait_until 20 "the authority answers" authority_answers
}
authority_answers() { [[ -e $root ]] && curl -sf -o /dev/null --cacert "$root" "$directory"; }

# over_tls HOST [PATH] [CURL WORDS]
over_tls() { curl -sS --max-time 40 --cacert "$root" --connect-to "$1:443:$address:443" "${@:3}" "https://$1${2:-/}"; }
certificate_of() { openssl s_client -connect "$address:443" -servername "$1" </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha256; }
router_is_back() { over_tls hello.fairlead.example / -o /dev/null 2>/dev/null; }

start_authority
cat >>"$work/fairlead.conf" <<TEXT
domain = fairlead.example
router_https_listen = $address:443
acme_directory = $directory
acme_email = owner@fairlead.example
acme_ca = $root
TEXT
router_address=$address:80
start_server
assert_eq "$(ready_field router_https)" "$address:443" "ready.json"
deploy_talk hello
assert_contains "$transcript" "https://hello.fairlead.example/ deployed" "the transcript"
assert_eq "$(fairlead apps:info -a hello --json | jq -r .web_url)" https://hello.fairlead.example/ "web_url"

note "a certificate at the first connection"
assert_contains "$(over_tls hello.fairlead.example)" "dyno=web.1" "the app over TLS"
assert_eq "$(over_tls hello.fairlead.example / -o /dev/null -w '%{http_version}')" 2 "the version of HTTP"
refused any over_tls www.customer.example
fairlead domains:add www.customer.example -a hello >/dev/null
assert_contains "$(over_tls www.customer.example)" "dyno=web.1" "a host of its own over TLS"

note "none for a host that has no app, not even a question to the authority"
refused any over_tls nobody.fairlead.example
assert_eq "$(find "$data/run/router" "$work/ca/data" -name '*nobody*')" "" "files"
assert_lacks "$(cat "$work/ca/log")" nobody "what the authority saw"

note "from HTTP to HTTPS"
assert_eq "$(curl -sS -o /dev/null -w '%{http_code} %{redirect_url}' --connect-to "hello.fairlead.example:80:$address:80" 'http://hello.fairlead.example/a/b?c=d')" \
  "308 https://hello.fairlead.example/a/b?c=d" "the redirect"
assert_eq "$(curl -sS -o /dev/null -w '%{http_code}' -H 'Host: nobody.fairlead.example' "http://$address/")" 404 "a host that has no app"

note "what the app gets and answers over TLS"
python3 "$ROOT/tests/integration/support/router_checks.py" "tls:$address:443" hello.fairlead.example headers keepalive head http10 continues trailers streams \
  websocket abandoned || fail "see above"
head -c 20000000 /dev/urandom >"$work/upload"
assert_contains "$(over_tls hello.fairlead.example /upload --data-binary "@$work/upload" -H 'Expect:')" "bytes=20000000 " "an upload over HTTP/2"
assert_eq "$(over_tls hello.fairlead.example '/events?20,20' | grep -c '^data: ')" 20 "events over HTTP/2"

note "certificates last, with the authority gone"
before=$(certificate_of hello.fairlead.example)
assert_contains "$before" "Fingerprint" "the certificate"
kill "$authority_pid"
wait "$authority_pid" 2>/dev/null || true
authority_pid=
stop_server
assert_eq "$(certificate_of hello.fairlead.example)" "$before" "the certificate while the daemon is away"
start_server
assert_eq "$(certificate_of hello.fairlead.example)" "$before" "the certificate after a restart of the daemon"
kill -KILL "$(cat "$data/run/router/caddy.pid")"
wait_until 15 "the router is back" router_is_back
assert_eq "$(certificate_of hello.fairlead.example)" "$before" "the certificate after a restart of the router"

note "settings that cannot be"
refused any "$FAIRLEAD" serve --data "$work/other" --acme-directory http://acme.example
assert_contains "$refusal" "acme_directory" "the refusal"
