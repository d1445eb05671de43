#!/usr/bin/env bash
# An app whose repository names its objects by SHA-256: pushed, built, pushed again, cloned, fetched, rolled back.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

start_server
created=$(fairlead apps:create modern --object-format sha256)
assert_contains "$created" "git init --object-format=sha256" "what to do next"
git init -q --object-format=sha256 "$work/modern"
git -C "$work/modern" remote add fairlead "ssh://git@localhost:$ssh_port/modern.git"

note "the first push and a small one"
write_web_app modern "page one"
commit modern "First"
push modern
assert_contains "$transcript" "deployed to Fairlead" "transcript"
assert_contains "$(page modern)" "page=page one" "page"
assert_eq "$(deployed_commit modern)" "$(git -C "$work/modern" rev-parse HEAD)" "deployed commit"
assert_eq "$(deployed_commit modern | tr -d '\n' | wc -c)" 64 "digits of the commit"
write_web_app modern "page two"
commit modern "Second"
push modern
assert_contains "$(page modern)" "page=page two" "page"
git -C "$data/repos/modern.git" fsck --full --strict

note "it can be cloned, whole and shallow, and fetched from"
git clone -q "ssh://git@localhost:$ssh_port/modern.git" "$work/copy"
assert_eq "$(git -C "$work/copy" log --format=%s | tr '\n' ' ')" "Second First " "history of the clone"
git clone -q --depth 1 "ssh://git@localhost:$ssh_port/modern.git" "$work/shallow"
assert_eq "$(git -C "$work/shallow" rev-list --count HEAD)" 1 "commits of the shallow clone"
write_web_app modern "page three"
commit modern "Third"
push modern
git -C "$work/copy" pull -q
assert_eq "$(git -C "$work/copy" rev-parse HEAD)" "$(deployed_commit modern)" "commit after the pull"

note "it is built again from what is stored, and rolled back"
fairlead builds:create -a modern >/dev/null
fairlead rollback v2 -a modern >/dev/null
assert_contains "$(page modern)" "page=page one" "page after the rollback"

note "other formats are refused in words"
refused 1 fairlead apps:create other --object-format md5
assert_contains "$refusal" "use sha1 or sha256" "refusal"
new_repository plain
git -C "$work/plain" remote set-url fairlead "ssh://git@localhost:$ssh_port/modern.git"
write_web_app plain "page"
commit plain "First"
if git -C "$work/plain" push fairlead HEAD:main 2>"$work/push.log"; then fail "objects of the other format were taken"; fi
assert_contains "$(cat "$work/push.log")" "hash algorithm" "what the client says"
