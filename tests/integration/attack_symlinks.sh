#!/usr/bin/env bash
# Attack: a repository holds symlinks that lead out of it, where the platform reads or removes files by name.
# 1. Procfile -> a secret of the host: its words must not come back in the transcript, nor as process types.
# 2. link -> a folder of the host, and .slugignore names link/fl-precious: that file must stay.
# 3. package.json, .slugignore, Procfile -> /dev/zero and to themselves: refused or taken as absent, without a hang.
# 4. A buildpack swaps Procfile and .profile.d for such links while it compiles, and leaves some in the cache for the next build.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

start_server
mkdir "$work/victim"
echo "web: SECRET-OF-THE-HOST" >"$work/victim/Procfile"
echo "precious" >"$work/victim/fl-precious"
chmod 755 "$work" "$work/victim"
chmod 644 "$work/victim/"*

note "1. Procfile"
new_app one
mkdir -p "$work/one"
ln -s "$work/victim/Procfile" "$work/one/Procfile"
commit one "Link"
if try_push one HEAD:main; then fail "the push was taken"; fi
assert_lacks "$transcript" "SECRET" "transcript"

note "2. .slugignore"
new_app two
write_web_app two ok
ln -s "$work/victim" "$work/two/link"
ln -s / "$work/two/root"
printf 'link/fl-precious\nlink/*\n**/fl-precious\nroot%s/victim/fl-precious\n' "$work" >"$work/two/.slugignore"
commit two "Link"
push two
assert_contains "$(page two)" "page=ok" "page"
assert_eq "$(cat "$work/victim/fl-precious")" precious "the host's file"

note "3. endless files"
new_app three
for target in /dev/zero Procfile /proc/self/mem; do
  for name in Procfile package.json .slugignore .buildpacks; do
    rm -rf "${work:?}/three/"[!.]* "$work/three/.slugignore" "$work/three/.buildpacks"
    ln -s "$target" "$work/three/$name"
    commit three "$name to $target"
    status=0
    timeout 60 git -C "$work/three" push -f fairlead HEAD:main >"$work/push.log" 2>&1 || status=$?
    ((status != 124)) || fail "$name -> $target holds the build up"
    # Where a buildpack takes it for a file of its own container, an app without processes is what comes of it.
    ((status == 0)) || grep -q 'remote:  !     ' "$work/push.log" || fail "no clear line for $name -> $target: $(cat "$work/push.log")"
    note "$name -> $target: exit $status"
    ((status != 0)) || sed 's/^/  | /' "$work/push.log"
  done
done

note "4. while it compiles"
# shellcheck disable=SC2016 # for the buildpack's shell
make_buildpack swapper 'build=$1 cache=$2
rm -f "$build/Procfile" "$build/.profile.d"
ln -s "'"$work"'/victim/Procfile" "$build/Procfile"
ln -s "'"$work"'/victim" "$build/.profile.d"
ln -sfn "'"$work"'/victim" "$cache/out"
ls "$cache/out/" 2>&1 | sed "s/^/cache: /"'
new_app four
fairlead config:set -a four BUILDPACK_URL=swapper >/dev/null
write_web_app four ok
for _ in 1 2; do
  commit four "Swap"
  try_push four HEAD:main || true
  assert_lacks "$transcript" "SECRET" "transcript"
  assert_lacks "$transcript" "cache: fl-precious" "transcript"
done
assert_eq "$(cat "$work/victim/fl-precious")" precious "the host's file"
