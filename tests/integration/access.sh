#!/usr/bin/env bash
# Who may do what, with real keys: collaborators push or only clone, strangers hear that there is no such app, a deploy key is good for one app, and
# what is revoked is refused at once, over connections that are open too. What was changed by whom is in the events.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

# user NAME: a member with a key; his commands are `as NAME ...`.
user() {
  ssh-keygen -q -t ed25519 -N '' -C "$1@test" -f "$work/$1"
  fairlead users:create "$1" >/dev/null
  fairlead keys:add "$work/$1.pub" --user "$1" >/dev/null
}
ssh_of() { printf 'ssh -F %s -i %s -o IdentitiesOnly=yes' "$work/ssh_config" "$work/$1"; }
as() {
  local who=$1
  shift
  # shellcheck disable=SC2046 # several words
  $(ssh_of "$who") -p "$ssh_port" git@localhost "$@"
}
push_as() { GIT_SSH_COMMAND=$(ssh_of "$1") try_push "${@:2}"; }
clone_as() { GIT_SSH_COMMAND=$(ssh_of "$1") git clone -q "ssh://git@localhost:$ssh_port/$2.git" "$3"; }
fingerprint() { ssh-keygen -lf "$1" | cut -d' ' -f2; }
events() { fairlead events "$@" --json | jq -r '.[] | "\(.actor) \(.kind) \(.sentence)"'; }

start_server
grep -v IdentityFile "$HOME/.ssh/config" >"$work/ssh_config"
for name in owner deployer viewer stranger; do user "$name"; done
as owner apps:create hello >/dev/null
as owner apps:create other >/dev/null
for app in hello other; do
  new_repository "$app"
  write_web_app "$app" one
  commit "$app" First
done
as owner access:add deployer --permissions deploy -a hello >/dev/null
as owner access:add viewer --permissions view -a hello >/dev/null

note "a collaborator who may deploy pushes"
push_as deployer hello HEAD:main || fail "the deployer's push: $transcript"
assert_contains "$(page hello)" "page=one" "page"
refused 1 as deployer config:set A=b -a hello
assert_contains "$refusal" "deployer may not operate hello: ask owner for it" "config:set"
refused 1 as deployer ps -a other
assert_contains "$refusal" 'there is no app "other"' "another app"

note "one who may view clones, and is refused the push"
clone_as viewer hello "$work/clone"
commit hello Second
! push_as viewer hello HEAD:main || fail "the viewer pushed"
assert_contains "$transcript" "viewer may not deploy hello" "push"
assert_lacks "$transcript" "Build" "push"
refused 1 as viewer config -a hello
as viewer releases -a hello >/dev/null

note "a stranger hears that there is no such app"
! push_as stranger hello HEAD:main || fail "the stranger pushed"
hidden=${transcript//hello/X}
git -C "$work/hello" remote set-url fairlead "ssh://git@localhost:$ssh_port/nobody.git"
! push_as stranger hello HEAD:main || fail "a push to nothing"
assert_eq "${hidden%%fatal*}" "$(printf '%s' "${transcript//nobody/X}" | sed '/^fatal/,$d')
" "answer"
git -C "$work/hello" remote set-url fairlead "ssh://git@localhost:$ssh_port/hello.git"
refused any clone_as stranger hello "$work/stolen"
assert_lacks "$(as stranger apps)" hello "a stranger's apps"
refused 1 as stranger users:create eve
assert_contains "$refusal" "for administrators" "users:create"

note "a deploy key pushes its app and nothing else"
ssh-keygen -q -t ed25519 -N '' -C ci -f "$work/ci"
as owner keys:add "$(cat "$work/ci.pub")" -a hello >/dev/null
push_as ci hello HEAD:main || fail "the deploy key's push: $transcript"
! push_as ci other HEAD:main || fail "the deploy key pushed another app"
refused 1 as ci config -a hello
assert_contains "$refusal" "this key may not operate hello: it is a key to deploy hello only" "config"
refused 1 as ci tokens:create

note "tokens"
export FAIRLEAD_URL=http://$http_address
read_token=$(as owner tokens:create --read --json | jq -r .token)
deploy_token=$(as owner tokens:create --deploy -a hello --json | jq -r .token)
FAIRLEAD_TOKEN=$read_token "$FAIRLEAD" ps -a hello >/dev/null || fail "a token to read"
refused 1 env FAIRLEAD_TOKEN="$read_token" "$FAIRLEAD" rollback -a hello
assert_contains "$refusal" "a token to read only" "rollback"
FAIRLEAD_TOKEN=$deploy_token "$FAIRLEAD" builds:create --detach -a hello >/dev/null || fail "a token to deploy"
refused 1 env FAIRLEAD_TOKEN="$deploy_token" "$FAIRLEAD" ps -a other
assert_eq "$(curl -sS -o /dev/null -w '%{http_code}' -H "Authorization: Bearer $deploy_token" "http://$http_address/apps/other")" 404 "another app over the API"
assert_eq "$(curl -sS -o /dev/null -w '%{http_code}' -H "Authorization: Bearer $read_token" -X DELETE "http://$http_address/apps/hello")" 403 "removing with a token to read"

note "what is revoked is refused at once, over an open connection too"
control=$work/control
# shellcheck disable=SC2046
$(ssh_of deployer) -M -S "$control" -fN -p "$ssh_port" git@localhost
assert_contains "$(ssh -F "$work/ssh_config" -S "$control" -p "$ssh_port" git@localhost apps)" "hello" "the open connection"
as deployer keys:remove "$(fingerprint "$work/deployer.pub")" >/dev/null
refused 1 ssh -F "$work/ssh_config" -S "$control" -p "$ssh_port" git@localhost apps
assert_contains "$refusal" "this key was removed" "the open connection"
ssh -F "$work/ssh_config" -S "$control" -O exit git@localhost 2>/dev/null || true
refused any as deployer apps
id=$(as owner tokens --json | jq -r '.[] | select(.kind == "read") | .id')
as owner tokens:revoke "$id" >/dev/null
refused 1 env FAIRLEAD_TOKEN="$read_token" "$FAIRLEAD" apps

note "the events say who did it, and a stream tells them as they come"
told=$(events -n 1000)
assert_order "$told" "admin user.create made the user owner" "owner app.create" "owner collaborator.add let deployer deploy" \
  "deployer build.create" "deployer release.create released v2" "owner key.add" "deployer key.remove" "owner token.revoke"
admin_token=$(fairlead tokens:create --json | jq -r .token)
: >"$work/stream"
curl -sSN -H "Authorization: Bearer $admin_token" -H "Accept: text/event-stream" "http://$http_address/fairlead/events?num=0" >"$work/stream" &
curl_pid=$!
wait_until 10 "the stream begins" grep -q : "$work/stream"
as owner config:set -a hello SECRET=hushhush >/dev/null
wait_until 10 "the event comes" grep -q "event: config.set" "$work/stream"
kill "$curl_pid"
wait "$curl_pid" 2>/dev/null || true
assert_contains "$(cat "$work/stream")" '"sentence":"set SECRET"' "stream"
last=$(jq -rR 'ltrimstr("data: ") | fromjson? | select(type == "object" and .kind == "config.set").id' "$work/stream" | head -n 1)
assert_eq "$(curl -sS -H "Authorization: Bearer $admin_token" "http://$http_address/fairlead/events?after=$((last - 1))&num=1" | jq -r .kind)" config.set "resumed"
assert_lacks "$(events -n 1000)" hushhush "events"
refused 1 as viewer events
assert_contains "$(as viewer events -a hello)" "config.set" "a viewer's events"

note "an owner's apps are given away before the owner goes"
refused 1 fairlead users:remove owner
assert_contains "$refusal" "owner owns hello, other" "users:remove"
for app in hello other; do fairlead apps:transfer viewer -a "$app" >/dev/null; done
fairlead users:remove owner >/dev/null
refused any as owner apps
assert_contains "$(as viewer access -a hello)" "viewer    owner" "access"
