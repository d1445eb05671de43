#!/usr/bin/env bash
# A slug that was made elsewhere: announced, sent to its URL, released, downloaded, pulled as an image; what is no slug is refused and leaves nothing.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

start_server
token=$(fairlead tokens:create --json | jq -r .token)
api() {
  local method=$1 path=$2
  shift 2
  curl -sS --max-time 60 -X "$method" -H "Authorization: Bearer $token" -H 'Accept: application/vnd.heroku+json; version=3' -H 'Content-Type: application/json' \
    "$@" "http://$http_address$path"
}
# announce [JSON]: the slug's JSON; JSON is more members.
announce() { api POST /apps/hello/slugs -d "$(jq -n --argjson more "${1:-{\}}" '{process_types: {web: "./web", worker: "./web worker"}} + $more')"; }
# put URL FILE: the status; the answer is in $work/tmp/answer.
put() { curl -sS --max-time 60 -o "$work/tmp/answer" -w '%{http_code}' -T "$2" "$1"; }
release_slug() { api POST /apps/hello/releases -d "{\"slug\": \"$1\"}" "${@:2}"; }
names() { tar -tzf "$1" | sed 's#^\./##; s#/$##' | sort -u; }
no_files() { assert_eq "$(find "$data/run/builds" "$data/sources" -mindepth 1 ! -name .trash)" "" "files that are left"; }

note "announced, sent, released"
fairlead apps:create hello >/dev/null
mkdir -p "$work/made/app/static/deep"
write_web_app made/app one
echo asset >"$work/made/app/static/deep/a.txt"
ln -s deep/a.txt "$work/made/app/static/link"
tar -czf "$work/app.tgz" -C "$work/made" ./app
sum=$(sha256sum "$work/app.tgz" | cut -d' ' -f1)
slug=$(announce "{\"commit\": \"v1.3\", \"commit_description\": \"By hand\", \"checksum\": \"SHA256:$sum\", \"stack\": \"debian-12\"}")
id=$(jq -r .id <<<"$slug")
for expression in '.id | length == 36' '.blob.method == "put"' '.size == null' '.commit == "v1.3"' '.commit_description == "By hand"' '.stack.name == "debian-12"' \
  '.process_types.worker == "./web worker"' '.created_at and .updated_at'; do
  jq -e "$expression" <<<"$slug" >/dev/null || fail "the slug's JSON lacks $expression: $slug"
done
early=$(release_slug "$id" -w '%{http_code}')
assert_contains "$early" "has no content yet" "a release before the upload"
assert_contains "$early" 422 "a release before the upload"
assert_eq "$(put "$(jq -r .blob.url <<<"$slug")" "$work/app.tgz")" 200 "the upload: $(cat "$work/tmp/answer")"
no_files
assert_eq "$(release_slug "$id" | jq -r .version)" 2 "release"
assert_contains "$(page hello)" "page=one" "page"
assert_eq "$(fairlead releases:info -a hello --json | jq -r .description)" "Deploy v1.3" "description"

note "the download has the same files, and is a slug again"
download=$(api GET "/apps/hello/slugs/$id")
assert_eq "$(jq -r .blob.method <<<"$download")" get "method"
curl -sS --fail "$(jq -r .blob.url <<<"$download")" -o "$work/back.tgz"
assert_eq "$(jq -r .checksum <<<"$download")" "SHA256:$(sha256sum "$work/back.tgz" | cut -d' ' -f1)" "checksum"
assert_eq "$(names "$work/back.tgz")" "$(names "$work/app.tgz")" "names"
mkdir -p "$work/back" && tar -xzf "$work/back.tgz" -C "$work/back"
diff -r --no-dereference "$work/back/app" "$work/made/app" || fail "other content"
again=$(announce)
assert_eq "$(put "$(jq -r .blob.url <<<"$again")" "$work/back.tgz")" 200 "the download, sent"
assert_eq "$(api GET "/apps/hello/slugs/$(jq -r .id <<<"$again")" | jq -r .checksum)" "$(jq -r .checksum <<<"$download")" "the same slug"

note "checks and cron of its app.json count"
mkdir -p "$work/timed"
cp -a "$work/made/app" "$work/timed/"
echo '{"cron": [{"schedule": "0 3 * * *", "command": "./clean"}], "healthchecks": {"web": [{"type": "startup", "path": "/?asked"}]}}' >"$work/timed/app/app.json"
printf '#!/bin/sh\necho cleaned\n' >"$work/timed/app/clean"
chmod 755 "$work/timed/app/clean"
tar -czf "$work/timed.tgz" -C "$work/timed" ./app
slug=$(announce)
assert_eq "$(put "$(jq -r .blob.url <<<"$slug")" "$work/timed.tgz")" 200 "the upload: $(cat "$work/tmp/answer")"
timed=$(release_slug "$(jq -r .id <<<"$slug")" | jq -r .version)
assert_contains "$(fairlead cron -a hello)" "./clean" "cron"
assert_contains "$(fairlead checks -a hello)" "GET /?asked" "checks"
fairlead cron:run 1 -a hello >/dev/null
cleaned() { [[ $(fairlead logs -a hello --ps cron.1) == *cleaned* ]]; }
wait_until 20 "its cron's line" cleaned
echo '{"cron": [{"schedule": "0 25 * * *", "command": "./clean"}]}' >"$work/timed/app/app.json"
tar -czf "$work/timed.tgz" -C "$work/timed" ./app
assert_eq "$(put "$(announce | jq -r .blob.url)" "$work/timed.tgz")" 422 "a wrong app.json"
assert_contains "$(cat "$work/tmp/answer")" "app.json: cron[0]" "its refusal"
fairlead rollback "v$((timed - 1))" -a hello >/dev/null
assert_lacks "$(fairlead cron -a hello)" "./clean" "cron after a rollback"

note "its image, by a client of registries"
skopeo copy --quiet --src-tls-verify=false "docker://$http_address/hello:v2" "oci:$work/image:v2"
manifest=$(jq -r '.manifests[0].digest' "$work/image/index.json")
config=$(jq -r .config.digest "$work/image/blobs/sha256/${manifest#sha256:}")
assert_eq "$(jq -r .config.WorkingDir "$work/image/blobs/sha256/${config#sha256:}")" /app "working directory"
files=$(for layer in $(jq -r '.layers[].digest' "$work/image/blobs/sha256/${manifest#sha256:}"); do tar -tzf "$work/image/blobs/sha256/${layer#sha256:}"; done)
assert_contains "$files" $'\n./app/static/deep/a.txt\n' "the image's files"
assert_contains "$(fairlead events -a hello)" "uploaded the slug $id" "events"

note "what is no slug is refused in one sentence, and leaves nothing"
mkdir -p "$work/bad"
cat >"$work/bad/make.py" <<'PYTHON'
import io, os, sys, tarfile
def make(name, *entries):
    with tarfile.open(os.path.join(sys.argv[1], name), "w:gz") as tar:
        for path, kind, more in [("./app", tarfile.DIRTYPE, ""), ("./app/web", tarfile.REGTYPE, "x")] + list(entries):
            info = tarfile.TarInfo(path)
            info.type, info.mode = kind, 0o755
            data = b""
            if kind == tarfile.REGTYPE: data = more.encode()
            else: info.linkname = more
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
make("absolute.tgz", ("/tmp/fairlead-escaped", tarfile.REGTYPE, "x"))
make("dots.tgz", ("app/../../fairlead-escaped", tarfile.REGTYPE, "x"))
make("link.tgz", ("app/out", tarfile.SYMTYPE, "/tmp"), ("app/out/fairlead-escaped", tarfile.REGTYPE, "x"))
make("device.tgz", ("app/null", tarfile.CHRTYPE, ""))
make("beside.tgz", ("beside", tarfile.REGTYPE, "x"))
make("hard.tgz", ("app/passwd", tarfile.LNKTYPE, "/etc/passwd"))
PYTHON
python3 "$work/bad/make.py" "$work/bad"
rm "$work/bad/make.py"
head -c 300 "$work/app.tgz" >"$work/bad/cut.tgz"
{ cat "$work/app.tgz"; echo junk; } >"$work/bad/junk.tgz"
tar -cf "$work/bad/plain.tar" -C "$work/made" ./app
declare -A why=([absolute.tgz]="absolute name" [dots.tgz]="leads out" [link.tgz]="is a symlink" [device.tgz]="a device" [beside.tgz]="not below ./app"
  [hard.tgz]="absolute name" [cut.tgz]="damaged" [junk.tgz]="behind its end" [plain.tar]="not compressed")
bad=$(announce)
for file in "$work"/bad/*; do
  assert_eq "$(put "$(jq -r .blob.url <<<"$bad")" "$file")" 422 "$(basename "$file"): $(cat "$work/tmp/answer")"
  assert_contains "$(jq -r .message "$work/tmp/answer")" "${why[$(basename "$file")]}" "$(basename "$file")"
  no_files
done
[[ ! -e /tmp/fairlead-escaped ]] || fail "an archive wrote outside"
other=$(announce '{"checksum": "SHA256:0000000000000000000000000000000000000000000000000000000000000000"}')
assert_eq "$(put "$(jq -r .blob.url <<<"$other")" "$work/app.tgz")" 422 "another checksum"
fairlead limits:set slug_max_bytes=1M -a hello >/dev/null
head -c 1100000 /dev/urandom >"$work/large"
assert_eq "$(put "$(jq -r .blob.url <<<"$bad")" "$work/large")" 422 "too large"
assert_contains "$(cat "$work/tmp/answer")" "slug_max_bytes" "too large"
fairlead limits:unset slug_max_bytes -a hello >/dev/null
no_files
assert_eq "$(api GET /apps/hello/slugs | jq length)" 3 "slugs"

note "a kill -9 while it is sent leaves it waiting, and it can be sent again"
mkfifo "$work/slow"
exec {slow}<>"$work/slow"  # held open, so that the sender waits for more
curl -sS --max-time 60 -o /dev/null -T - -H 'Transfer-Encoding: chunked' "$(jq -r .blob.url <<<"$bad")" <"$work/slow" 2>/dev/null {slow}>&- &
sender=$!
head -c 300000 "$work/app.tgz" >&"$slow"  # more than curl reads before it sends
is_sent() { [[ -n $(find "$data/run/builds" -name upload -size +0c) ]]; }
wait_until 20 "the upload has begun" is_sent
assert_eq "$(put "$(jq -r .blob.url <<<"$bad")" "$work/app.tgz")" 409 "a second upload at once"
kill9_server
exec {slow}>&-
wait "$sender" || true
start_server
no_files
url=$(jq -r .blob.url <<<"$bad" | sed "s#^http://[^/]*#http://$http_address#")
assert_eq "$(put "$url" "$work/app.tgz")" 200 "the upload, again: $(cat "$work/tmp/answer")"
assert_eq "$(api GET "/apps/hello/slugs/$(jq -r .id <<<"$bad")" | jq -r .checksum)" "$(jq -r .checksum <<<"$download")" "checksum"
