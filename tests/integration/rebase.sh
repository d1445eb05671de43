#!/usr/bin/env bash
# A stack's new run image reaches the apps on it as new releases: no build, no failed request; a rollback goes back to the old base.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

# new_run_image TEXT: what stacks:update commits when packages have changed, with the server down: here one more layer, with /etc/base.
new_run_image() {
  local folder=$work/base
  rm -rf "$folder"
  mkdir -p "$folder/etc"
  printf '%s' "$1" >"$folder/etc/base"
  tar -C "$folder" --sort=name --owner=0 --group=0 --mtime=@0 -cf "$work/base.tar" ./etc/base
  gzip -nk "$work/base.tar"
  python3 - "$data" "$work/base.tar" <<'PY'
import hashlib, os, shutil, sqlite3, sys
data, tar = sys.argv[1:]
hex_of = lambda name: hashlib.sha256(open(name, "rb").read()).hexdigest()
blob = hex_of(tar + ".gz")
folder = os.path.join(data, "blobs/sha256", blob[:2])
os.makedirs(folder, exist_ok=True)
shutil.copy(tar + ".gz", os.path.join(folder, blob))
db = sqlite3.connect(os.path.join(data, "fairlead.db"))
image = "sha256:" + hashlib.sha256(blob.encode()).hexdigest()
db.execute("INSERT INTO stack_layers SELECT stack, image, MAX(position) + 1, media_type, ?, ?, ? FROM stack_layers WHERE image = 'run'",
           ("sha256:" + blob, os.path.getsize(tar + ".gz"), "sha256:" + hex_of(tar)))
db.execute("UPDATE stacks SET run_manifest = ?", (image,))
db.execute("INSERT INTO run_image_layers SELECT ?, position, media_type, digest, size_bytes, diff_id FROM stack_layers WHERE image = 'run'", (image,))
db.commit()
print(image)
PY
}

manifest_of() { skopeo inspect --tls-verify=false --raw "docker://$http_address/$1"; }
base_of() { manifest_of "$1" | jq -r '.annotations["org.opencontainers.image.base.digest"]'; }
run_image_of() { fairlead releases:info -a "$1" --json | jq -r .run_image_digest; }

start_server
for app in hello other; do
  new_app "$app"
  write_web_app "$app" one
  # shellcheck disable=SC2016 # for the app's shell
  printf 'web: BASE=$(cat /etc/base 2>/dev/null || echo old) exec ./web\n' >"$work/$app/Procfile"
  commit "$app" "First"
  push "$app"
done
assert_eq "$(page hello /env/BASE)" old "base"
old=$(run_image_of hello)
builds=$(fairlead builds -a hello --json | jq length)

note "an app that does not start on the new base"
# shellcheck disable=SC2016 # for the app's shell
printf 'web: test ! -e /etc/base && exec ./web\n' >"$work/other/Procfile"
commit other "Wants the old base"
push other

stop_server
new=$(new_run_image new)
start_server
assert_eq "$(page hello /env/BASE)" old "base after a restart"

note "a config change and a plan are no rebase"
fairlead config:set -a hello COLOUR=red >/dev/null
assert_eq "$(page hello /env/BASE)" old "base after config:set"
assert_eq "$(run_image_of hello)" "$old" "run image"
plan=$(fairlead rebase debian-12 --plan --json)
assert_eq "$(jq -r '[.[] | "\(.app) \(.from) \(.to)"] | join(",")' <<<"$plan")" "hello $old $new,other $old $new" "plan"
assert_eq "$(current_version hello)" 3 "version after the plan"

note "the rebase"
start_load hello
refused 1 fairlead rebase debian-12
stop_load
assert_contains "$refusal" "hello: released v4 (Rebase on debian-12 (sha256:" "answer"
assert_contains "$refusal" "other: release v4 failed" "answer"
assert_eq "$(page hello /env/BASE)" new "base after the rebase"
assert_eq "$(page hello /env/COLOUR)" red "COLOUR"
page other >/dev/null
assert_eq "$(run_image_of other)" "$old" "run image of the app that failed"
assert_eq "$(fairlead builds -a hello --json | jq length)" "$builds" "builds"
assert_eq "$(base_of hello:v3)" "$old" "base of v3"
assert_eq "$(base_of hello:v4)" "$new" "base of v4"
assert_eq "$(manifest_of hello:v4 | jq -c '[.layers[].digest][-2:]')" "$(manifest_of hello:v3 | jq -c '[.layers[].digest][-2:]')" "slug and start layer"
assert_contains "$(fairlead rebase -a hello)" "Nothing to rebase" "a second time"

note "back to the old base, and on from there"
fairlead rollback v3 -a hello >/dev/null
assert_eq "$(page hello /env/BASE)" old "base after the rollback"
assert_eq "$(manifest_of hello:v5 | jq -c '[.layers[].digest]')" "$(manifest_of hello:v3 | jq -c '[.layers[].digest]')" "layers of v5"
write_web_app hello two
# shellcheck disable=SC2016 # for the app's shell
printf 'web: BASE=$(cat /etc/base 2>/dev/null || echo old) exec ./web\n' >"$work/hello/Procfile"
commit hello "Second"
push hello
assert_eq "$(page hello /env/BASE)" new "base of what is built now"

note "STACK"
fairlead stacks:alias debian-12 heroku-22 >/dev/null
assert_eq "$(fairlead stacks --json | jq -r '.[0].stack_name')" heroku-22 "stack_name"
# shellcheck disable=SC2016 # for the shell of the buildpack
make_buildpack tell 'echo "sees STACK=$STACK, cache $(cat "$2/mark" 2>/dev/null || echo empty)"; echo "$STACK" >"$2/mark"'
fairlead config:set -a hello BUILDPACK_URL=tell >/dev/null
commit hello "Third"
push hello
assert_contains "$transcript" "sees STACK=heroku-22, cache empty" "build"
fairlead stacks:alias debian-12 debian-12 >/dev/null
commit hello "Fourth"
push hello
assert_contains "$transcript" "sees STACK=debian-12, cache empty" "build"
