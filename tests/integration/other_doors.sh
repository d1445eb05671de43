#!/usr/bin/env bash
# The same commands over ssh and over HTTP with a token; the app of the current folder; nobody gets in without key or token.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

start_server
deploy_web_app hello one

note "ssh: the pusher's key is the login"
assert_contains "$(ssh_git apps)" hello "apps over ssh"
assert_eq "$(ssh_git apps --json)" "$(fairlead apps --json)" "apps --json over ssh"
ssh_git apps:create second >/dev/null
ssh_git config:set -a second "'GREETING=two words'" >/dev/null
assert_eq "$(fairlead config:get GREETING -a second)" "two words" "a value with a space"
assert_contains "$(ssh_git)" "Fairlead" "ssh without a command"
refused 2 ssh_git nonsense
assert_contains "$refusal" "nonsense" "answer"
refused 1 ssh_git config -a nobody
refused 1 ssh_git server:stop
refused any ssh_git "apps; id"
assert_lacks "$refusal" "uid=" "answer"
refused any ssh_git "bash -i"

note "ssh: nothing but commands"
refused any ssh -F "$HOME/.ssh/config" -p "$ssh_port" -o ExitOnForwardFailure=yes -N -R 0:localhost:22 git@localhost
refused any sftp -F "$HOME/.ssh/config" -P "$ssh_port" -b /dev/null git@localhost

note "HTTP with a token"
token=$(fairlead tokens:create --json | jq -r .token)
export FAIRLEAD_URL=http://$http_address
assert_contains "$(FAIRLEAD_TOKEN=$token "$FAIRLEAD" apps)" "hello" "apps over HTTP"
FAIRLEAD_TOKEN=$token "$FAIRLEAD" slugs:download -a hello -o - | tar tz | grep '^\./app/web$' >/dev/null || fail "a slug over HTTP"
refused 1 env FAIRLEAD_TOKEN="$token" "$FAIRLEAD" server:stop
refused 1 "$FAIRLEAD" apps
assert_contains "$refusal" "token" "answer without a token"
refused 1 env FAIRLEAD_TOKEN=fl-wrong "$FAIRLEAD" apps
unset FAIRLEAD_URL
assert_eq "$(curl -s -o /dev/null -w '%{http_code}' "http://$http_address/apps/hello/slugs/x/blob")" 401 "a slug without a token"
assert_eq "$(curl -s "http://$http_address/healthz")" ok "healthz"

note "one command line says the same by all three doors"
by_socket() { fairlead "$@"; }
by_http() { FAIRLEAD_URL=http://$http_address FAIRLEAD_TOKEN=$token "$FAIRLEAD" "$@"; }
by_ssh() {
  local words
  printf -v words ' %q' "$@"
  ssh_git "${words# }"
}
# same WORDS...: output (but for the second at which a URL's time is over), error output and exit status.
same() {
  local door stream code
  for door in socket http ssh; do
    code=0
    "by_$door" "$@" >"$work/$door.out" 2>"$work/$door.err" </dev/null || code=$?
    echo "$code" >"$work/$door.code"
    sed -i -E 's/[?]expires=[0-9]+&signature=[^"]*//g' "$work/$door.out"
  done
  for door in http ssh; do
    for stream in out err code; do
      cmp -s "$work/socket.$stream" "$work/$door.$stream" ||
        fail "fairlead $* by $door: $stream is \"$(head -c 300 "$work/$door.$stream")\", and by the socket \"$(head -c 300 "$work/socket.$stream")\""
    done
  done
  note "fairlead $*: $(cat "$work/socket.code")"
}
for words in apps "apps:info -a hello" "ps:scale -a hello" "releases -a hello" "releases:info -a hello" "builds -a hello" "slugs -a hello" "config -a second" "config:export -a second" \
  "domains -a hello" "drains -a hello" "maintenance -a hello" "features -a hello" "limits -a hello" "network -a hello" "buildpacks -a hello" buildpacks:available "access -a hello" "publish -a hello" \
  stacks registries users "gc --plan" "logs -a hello -n 5" "builds:output 1 -a hello"; do
  # shellcheck disable=SC2086
  same $words
  # shellcheck disable=SC2086
  [[ $words == builds:output* ]] || same $words --json
done
same help
same help apps:create
same help --json
same config:get GREETING -a second
same config:get MISSING -a second
same ps -a nobody
same ps:scale web=1000 -a hello
for wrong in nonsense app:create app ps:scael "apps --colour" "apps extra" "apps:info -a" "ps --json=yes -a hello" "config:get -a hello" "rollback v99 -a hello" "builds:info x -a hello"; do
  # shellcheck disable=SC2086
  same $wrong
done
assert_contains "$(cat "$work/ssh.err")" "build number" "answer"
same apps:creat
assert_contains "$(cat "$work/ssh.err")" "did you mean apps:create?" "a slip"
assert_eq "$(cat "$work/ssh.code")" 2 "its exit status"

note "the app of the current folder"
assert_contains "$(cd "$work/hello" && fairlead ps)" "web.1" "ps in the app's folder"
assert_contains "$(cd "$work/hello" && fairlead config -a second)" "two words" "-a counts more than the folder"

note "keys"
ssh-keygen -q -t ed25519 -N '' -C second@test -f "$work/second"
fairlead users:create ann --admin >/dev/null
fairlead keys:add "$work/second.pub" --user ann >/dev/null
assert_contains "$(fairlead keys --all)" "ann" "keys"
assert_contains "$(ssh -F "$HOME/.ssh/config" -o IdentityFile="$work/second" -i "$work/second" -p "$ssh_port" git@localhost apps)" "hello" "ssh with the second key"
refused 1 fairlead keys:add "$work/second.pub"
refused any fairlead keys:add "$work/second"
assert_contains "$refusal" "private key" "answer"
fairlead keys:remove "$(ssh-keygen -lf "$work/second.pub" | cut -d' ' -f2)" >/dev/null
assert_lacks "$(fairlead keys --all)" "ann" "keys"

note "logs to the end, and as they come; Ctrl-C ends quietly with 130"
assert_contains "$(fairlead logs -a hello)" "web starts with page one" "logs"
env --default-signal=INT "$FAIRLEAD" --data "$data" logs --tail -a hello >"$work/tail.log" 2>"$work/tail.err" &
tail_pid=$!
wait_until 10 "logs --tail" grep -q "web starts" "$work/tail.log"
fairlead ps:restart -a hello >/dev/null
two_starts() { [[ $(grep -c "web starts" "$work/tail.log") == 2 ]]; }
wait_until 10 "the new process's line" two_starts
kill -INT "$tail_pid"
status=0
wait "$tail_pid" || status=$?
assert_eq "$status" 130 "exit status"
assert_eq "$(cat "$work/tail.err")" "" "stderr"

note "words"
assert_contains "$(fairlead help)" "apps:create" "help"
refused 2 fairlead app:create x
assert_contains "$refusal" "apps:create" "answer names what was meant"
assert_contains "$(fairlead version)" "fairlead " "version"
