#!/usr/bin/env bash
# What was pushed can be cloned, fetched and checked with plain git.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

start_server
deploy_web_app hello one
url=ssh://git@localhost:$ssh_port/hello.git

note "clone"
git clone -q "$url" "$work/copy" || fail "git clone"
assert_eq "$(git -C "$work/copy" rev-parse HEAD)" "$(git -C "$work/hello" rev-parse HEAD)" "HEAD of the clone"
assert_eq "$(git -C "$work/copy" rev-parse --abbrev-ref HEAD)" main "branch of the clone"
diff -r --exclude=.git "$work/hello" "$work/copy" || fail "the clone's files differ"
git -C "$work/copy" fsck --strict --no-progress || fail "git fsck of the clone"

note "push from the clone, fetch into the first repository"
printf 'two' >"$work/copy/page.txt"
git -C "$work/copy" commit -q -a -m "From the clone"
git -C "$work/copy" push -q origin main 2>"$work/push.log" || fail "push from the clone: $(cat "$work/push.log")"
assert_contains "$(page hello)" "page=two" "page"
git -C "$work/hello" pull -q --ff-only fairlead main || fail "git pull"
assert_eq "$(cat "$work/hello/page.txt")" two "file after the pull"

note "a longer history, as one push"
for number in $(seq 1 60); do
  echo "$number" >"$work/hello/number.txt"
  git -C "$work/hello" add -A
  git -C "$work/hello" commit -q -m "Number $number"
done
push hello
git clone -q --depth 1 "$url" "$work/shallow" 2>"$work/shallow.log" && note "shallow clones work, too"
git clone -q "$url" "$work/again" || fail "git clone"
assert_eq "$(git -C "$work/again" rev-list --count HEAD)" 62 "commits"

note "the repository on disk is one that plain git reads"
git -C "$data/repos/hello.git" fsck --strict --no-progress || fail "git fsck of the repository"
assert_eq "$(git -C "$data/repos/hello.git" symbolic-ref HEAD)" refs/heads/main "HEAD of the repository"
