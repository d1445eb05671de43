#!/usr/bin/env bash
# What cannot be deployed is refused in one clear line, with a non-zero exit, and nothing is left of it.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

# nothing_changed APP COMMIT VERSION: nor is anything left of what was tried.
nothing_changed() {
  assert_eq "$(deployed_commit "$1")" "$2" "deployed commit"
  assert_eq "$(current_version "$1")" "$3" "version"
  assert_no_build_files "$1"
  assert_eq "$(git -C "$data/repos/$1.git" for-each-ref --format='%(refname)' | paste -sd' ')" "$([[ $2 == none ]] || echo refs/heads/main)" "refs"
}

# rejected APP WORDS ARGUMENTS...: the push must fail and say WORDS.
rejected() {
  local app=$1 words=$2
  shift 2
  if try_push "$app" "$@"; then fail "a push that should be refused went through: $*"; fi
  assert_contains "$transcript" "$words" "transcript"
}

# fresh NAME: an app whose repository holds what the caller writes.
fresh() { new_app "$1" && mkdir -p "$work/$1"; }

start_server

note "not an ssh client on the ssh port"
for noise in 'GET / HTTP/1.0\r\n\r\n' 'SSH-1.5-old\r\n' '\x00\xff\x00\xff\x80\x80' 'SSH-2.0-x\r\n\x00\x00\xff\xff garbage'; do
  # The server closes the connection; a reader that still waits after a minute says that it did not.
  exec 3<>"/dev/tcp/127.0.0.1/$ssh_port"
  printf '%b' "$noise" >&3
  timeout 60 cat <&3 >"$work/tmp/noise" || fail "the connection stays open after: $noise"
  exec 3>&-
done
assert_contains "$(ssh_git apps 2>&1 || echo broken)" "" "ssh after the noise"
ssh_git apps >/dev/null || fail "ssh does not work after the noise"

note "an unknown key"
ssh-keygen -q -t ed25519 -N '' -f "$work/stranger"
stranger=(ssh -F /dev/null -i "$work/stranger" -o IdentitiesOnly=yes -o IdentityAgent=none -o "UserKnownHostsFile=$HOME/.ssh/known_hosts" -o BatchMode=yes)
refused 255 "${stranger[@]}" -p "$ssh_port" git@localhost apps
assert_contains "$refusal" "Permission denied" "answer"
refused 255 "${stranger[@]}" -o PreferredAuthentications=password,keyboard-interactive -p "$ssh_port" git@localhost apps

note "an unknown app"
refused 128 git -C "$work" clone "ssh://git@localhost:$ssh_port/nosuch.git" "$work/nosuch"
assert_contains "$refusal" "nosuch" "answer"
for name in ../../etc nosuch/../other "" "a b" "$(printf 'x%.0s' {1..5000})"; do
  refused any ssh_git "git-receive-pack '$name'"
done
assert_eq "$(find "$data/repos" -mindepth 1 -maxdepth 1)" "" "repositories"

note "an empty repository, and one without refs to push"
fresh empty
refused any git -C "$work/empty" push fairlead main
refused any git -C "$work/empty" push fairlead HEAD:main
nothing_changed empty none 1

note "a commit without an app in it"
fresh readme
echo "Just words" >"$work/readme/README"
commit readme "Words"
rejected readme " !     Unable to select a buildpack" HEAD:main
nothing_changed readme none 1
assert_eq "$(fairlead builds -a readme --json | jq -r '.[0].state')" failed "state"

note "a commit without any file"
fresh bare
commit bare "Nothing"
rejected bare " !     " HEAD:main
nothing_changed bare none 1

note "a Procfile with nonsense"
fresh procfile
echo "this is not a process type" >"$work/procfile/Procfile"
commit procfile "Nonsense"
rejected procfile "Procfile" HEAD:main
nothing_changed procfile none 1
head -c 3000 /dev/urandom >"$work/procfile/Procfile"
commit procfile "Noise"
rejected procfile "Procfile" HEAD:main
nothing_changed procfile none 1
note "an empty one is an app without processes, and the push says so"
: >"$work/procfile/Procfile"
commit procfile "Empty"
push procfile
assert_contains "$transcript" "Nothing will run" "transcript"
assert_eq "$(page_status procfile)" 503 "status of its page"

note "a package.json that is not JSON"
fresh node
echo '{"name": "x", ' >"$work/node/package.json"
commit node "Broken"
rejected node "package.json" HEAD:main
nothing_changed node none 1

note "a branch, a tag, a delete"
deploy_web_app hello one
good=$(git -C "$work/hello" rev-parse HEAD)
git -C "$work/hello" tag v1.0
rejected hello "only main is deployed" HEAD:refs/heads/topic
rejected hello "tags are not deployed" v1.0
rejected hello "cannot be deleted" :main
rejected hello "only main is deployed" HEAD:refs/notes/x
nothing_changed hello "$good" 2
printf 'two' >"$work/hello/page.txt"
commit hello "Second"
note "several at once: main is deployed, the others are refused, and the exit says so"
if try_push hello HEAD:main HEAD:refs/heads/topic; then fail "a push with a refused ref succeeded"; fi
assert_eq "$(git -C "$data/repos/hello.git" for-each-ref --format='%(refname)' | paste -sd' ')" "refs/heads/main" "refs"

note "options"
commit hello "Third"
rejected hello "nonsense" -o nonsense HEAD:main
assert_contains "$(page hello)" "page=" "page"

note "names"
for name in "" A -x x_y "$(printf 'x%.0s' {1..31})" v2 stacks "../x" 'x;id' 'x y'; do
  refused any fairlead apps:create "$name"
done
assert_eq "$(fairlead apps --json | jq -r 'map(.name) | join(" ")')" "bare empty hello node procfile readme" "apps"

note "not HTTP on the HTTP port, and requests that make no sense"
printf 'nonsense\r\n\r\n' | timeout 60 bash -c "exec 3<>/dev/tcp/127.0.0.1/${http_address##*:}; cat >&3; cat <&3" >/dev/null || fail "the connection stays open"
for path in /v2/../../etc/passwd /v2/%2e%2e/manifests/x "/v2/hello/manifests/$(printf 'x%.0s' {1..3000})" /v2/hello/blobs/sha256:zz /apps/../x /fairlead/commands; do
  status=$(curl -s --path-as-is -o /dev/null -w '%{http_code}' "http://$http_address$path")
  [[ $status == 4?? ]] || fail "$path is answered $status"
done
kill -0 "$server_pid" || fail "the server ended"
