#!/usr/bin/env bash
# A slug's URL: HEAD, Range, ETag, a signature that is forged or over; the client's download, which goes on where it was cut off; the slug
# run with nothing but the program.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

printf 'url_lifetime_s = 8\n' >>"$work/fairlead.conf"
start_server
deploy_web_app hello one
token=$(fairlead tokens:create --json | jq -r .token)
slug=$(fairlead slugs -a hello --json | jq -r '.[0].id')
slug_json() { curl -sS -H "Authorization: Bearer $token" -H 'Accept: application/vnd.heroku+json; version=3' "http://$http_address/apps/hello/slugs/$slug"; }
url() { slug_json | jq -r .blob.url | sed "s#^http://[^/]*#http://$http_address#"; }
status() { curl -sS -o "$work/body" -w '%{http_code}' "$@"; }

note "the URL"
signed=$(url)
assert_eq "$(status "$signed")" 200
cp "$work/body" "$work/whole"
etag=$(curl -sSI "$signed" | tr -d '\r' | sed -n 's/^[Ee][Tt]ag: //p')
assert_eq "$etag" "\"sha256:$(sha256sum <"$work/whole" | cut -d' ' -f1)\"" "ETag"
assert_eq "$(curl -sSI "$signed" | tr -d '\r' | sed -n 's/^[Cc]ontent-[Ll]ength: //p')" "$(stat -c %s "$work/whole")" "length in HEAD"
assert_eq "$(status -H 'Range: bytes=100-199' "$signed")" 206
cmp -s "$work/body" <(tail -c +101 "$work/whole" | head -c 100) || fail "Range gives other bytes"
assert_eq "$(status -H "If-None-Match: $etag" "$signed")" 304
assert_eq "$(status "${signed%?}x")" 403 "forged signature"
assert_eq "$(status "${signed/hello/other}")" 403 "a signature for another path"
assert_eq "$(status "${signed%%\?*}")" 401 "without a signature"
expired() { [[ $(status "$1") == 403 ]]; }
wait_until 20 "the signature is over" expired "$signed"

note "the download goes on where it was cut off"
cd "$work"
fairlead slugs:download -a hello -o mine.tgz
cmp "$work/mine.tgz" "$work/whole" || fail "the download is another"
digest=${etag#\"sha256:}
head -c 1000 "$work/whole" >"$work/.again.tgz.${digest%\"}.part"
fairlead slugs:download v2 -a hello -o again.tgz
cmp "$work/again.tgz" "$work/whole" || fail "what went on is another"
printf 'wrong' >"$work/.bad.tgz.${digest%\"}.part"
refused 1 fairlead slugs:download v2 -a hello -o bad.tgz
assert_contains "$refusal" "does not have the digest"
fairlead slugs:download v2 -a hello -o bad.tgz
[[ -z $(find "$work" -maxdepth 1 -name '.*.part') ]] || fail "a part is left"

note "the slug runs without a server"
run_slug() {
  "$FAIRLEAD" run-slug "$1" web --port "$2" --env GREETING=moin >"$work/slug.log" 2>&1 &
  slug_pid=$!
}
serves() { curl -sf --max-time 5 "http://127.0.0.1:$1/" >/dev/null; }
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
run_slug "$(url)" "$port"
wait_until 20 "the slug serves" serves "$port"
assert_contains "$(curl -s "http://127.0.0.1:$port/")" "page=one" "page of the slug"
kill -TERM "$slug_pid"
wait "$slug_pid" || true
assert_contains "$(cat "$work/slug.log")" "in no container"
refused 1 "$FAIRLEAD" run-slug mine.tgz nothing
assert_contains "$refusal" "it has web, worker"
assert_eq "$("$FAIRLEAD" run-slug mine.tgz -- 'echo $DYNO; pwd' 2>/dev/null | head -n 1)" run.1 "a command of one's own"
[[ -z $(find "${TMPDIR:-/tmp}" -maxdepth 1 -name 'fairlead-slug-*' -newer "$work/whole") ]] || fail "a folder is left"
