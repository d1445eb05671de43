#!/usr/bin/env bash
# The disk with the repositories fills up in the middle of a push: its pusher reads why, nothing of it stays, a push whose build runs meanwhile is
# deployed, clones go on, and once there is room pushes work again.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

# The disk: 60 MB of memory, for the repositories alone.
mkdir -p "$data/repos"
mount -t tmpfs -o size=60m,mode=0700 fairlead-test "$data/repos" || skip "mounting is not permitted"
story_cleanup() {
  [[ -z ${slow_pid:-} ]] || kill -KILL -- "-$slow_pid" 2>/dev/null
  umount -l "$data/repos"
}
fill_disk() { # LEAVE_KB
  local free_kb
  free_kb=$(df --output=avail -k "$data/repos" | tail -n 1)
  fallocate -l "$((free_kb - $1))K" "$data/repos/filler"
}
# shellcheck disable=SC2016 # for the buildpack's shell
make_buildpack slow 'echo "-----> Slowly"; sleep 8'
building() { [[ $(fairlead builds:output -a slow 2>/dev/null | head -c 2000 || true) == *"Slowly"* ]]; }
assert_polite() {
  assert_lacks "$transcript" "roken pipe" "transcript"
  assert_lacks "$transcript" "hung up" "transcript"
  assert_lacks "$transcript" "unexpected disconnect" "transcript"
}

echo "disk_min_free_bytes = 0" >>"$work/fairlead.conf"
start_server
deploy_web_app hello one
first=$(deployed_commit hello)

note "a push whose build runs while the disk fills up"
new_app slow
fairlead config:set -a slow BUILDPACK_URL=slow >/dev/null
write_web_app slow "slow but there"
commit slow "First"
setsid git -C "$work/slow" push fairlead HEAD:main >"$work/slow.log" 2>&1 </dev/null &
slow_pid=$!
wait_until 30 "the slow build runs" building

note "a pack that does not fit"
head -c 90000000 /dev/urandom >"$work/hello/noise"
commit hello "Too much"
try_push hello HEAD:main && fail "90 MB fit into 60"
assert_order "$transcript" "remote: error: the server has no room for this push" "disk is full" "setting disk_min_free_bytes" \
  "remote rejected] HEAD -> main (unpacker error)"
assert_polite
assert_no_build_files hello
assert_eq "$(deployed_commit hello)" "$first" "the ref after the refused push"
wait "$slow_pid" || fail "the push beside it failed: $(cat "$work/slow.log")"
slow_pid=
assert_contains "$(page slow)" "slow but there" "page"

note "no room at all: clones, and a small push"
git -C "$work/hello" reset -q --hard HEAD~1
fill_disk 0
git clone -q "ssh://git@localhost:$ssh_port/hello.git" "$work/copy" || fail "the clone failed"
assert_eq "$(git -C "$work/copy" rev-parse HEAD)" "$first" "what was cloned"
write_web_app hello two
commit hello "Small"
try_push hello HEAD:main && fail "a push to a full disk succeeded"
assert_contains "$transcript" "remote: error: the server has no room for this push" "transcript"
assert_polite
assert_contains "$(page hello)" "page=one" "page"

note "room again"
rm "$data/repos/filler"
push hello
assert_contains "$(page hello)" "page=two" "page"
assert_no_build_files hello
git -C "$data/repos/hello.git" fsck --full --strict

note "and with room that is kept free"
stop_server
sed -i 's/^disk_min_free_bytes = .*/disk_min_free_bytes = 20000000/' "$work/fairlead.conf"
start_server
fill_disk 15000
write_web_app hello three
commit hello "Third"
try_push hello HEAD:main && fail "the push went below disk_min_free_bytes"
assert_contains "$transcript" "less than 20000000 bytes left" "transcript"
assert_contains "$transcript" "(setting disk_min_free_bytes)" "transcript"
assert_polite
rm "$data/repos/filler"
push hello
assert_contains "$(page hello)" "page=three" "page"

note "a ref that cannot be written when its release serves: said, and healed by the next push"
write_web_app slow "newer"
commit slow "Second"
ref_lock=$data/repos/slow.git/refs/heads/main.lock
setsid git -C "$work/slow" push fairlead HEAD:main >"$work/slow.log" 2>&1 </dev/null &
slow_pid=$!
second_builds() { [[ $(fairlead builds -a slow --json | jq -r '.[0].status') == pending ]] && building; }
wait_until 30 "the second slow build runs" second_builds
touch "$ref_lock"
wait "$slow_pid" && fail "the push succeeded though its ref could not be moved"
slow_pid=
assert_order "$(cat "$work/slow.log")" "Release v4 serves, but refs/heads/main could not be moved to it" "remote rejected" "push again"
assert_contains "$(page slow)" "newer" "page"
rm "$ref_lock"
push slow
assert_eq "$(deployed_commit slow)" "$(git -C "$work/slow" rev-parse HEAD)" "the ref after pushing again"
