#!/usr/bin/env bash
# kill -9 while an app is renamed, earlier and later in it: after the restart the app has one of the two names, and under that name all of it is
# there: the page, the repository, images, config, releases; under the other nothing is.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

start_server
deploy_web_app hello one
fairlead config:set KEPT=yes -a hello >/dev/null
commit_deployed=$(deployed_commit hello)
token=$(fairlead tokens:create --json | jq -r .token)
name=hello
declare -A seen=()

app_names() { fairlead apps --json | jq -r '[.[].name] | join(" ")'; }
page_is_there() { [[ $(page "$name" 2>/dev/null) == *"page=one"* ]]; }
nobody_serves() { [[ $(page_status "$1") == 404 ]]; }

check_all() {
  local other=$1
  wait_until 60 "the page of $name" page_is_there
  wait_until 30 "no page of $other" nobody_serves "$other"
  assert_eq "$(fairlead config:get KEPT -a "$name")" yes "config var"
  assert_eq "$(deployed_commit "$name")" "$commit_deployed" "deployed commit"
  [[ ! -e $data/repos/$other.git && ! -e $data/cache/$other && ! -e $data/logs/$other ]] || fail "something of $other is left"
  rm -rf "$work/again"
  git clone -q "ssh://git@localhost:$ssh_port/$name.git" "$work/again"
  assert_eq "$(git -C "$work/again" rev-parse HEAD)" "$commit_deployed" "commit of a clone"
  skopeo inspect --tls-verify=false --creds "me:$token" "docker://$http_address/$name:latest" >/dev/null || fail "the image of $name cannot be read"
  [[ $(fairlead logs -a "$name" -n 1000) == *"release"* ]] || fail "the log is gone"
}

for delay in 0.02 0.1 0.2 0.3 0.4 0.5 0.7 0.9 1.2; do
  other=$([[ $name == hello ]] && echo greeting || echo hello)
  fairlead apps:rename "$other" -a "$name" >/dev/null 2>&1 &
  renaming=$!
  sleep "$delay"
  kill9_server
  wait "$renaming" && done_before=yes || done_before=no
  start_server
  now=$(app_names)
  [[ $now == "$name" || $now == "$other" ]] || fail "the apps are: $now"
  [[ $done_before == no || $now == "$other" ]] || fail "what was told as done is undone"
  note "killed after $delay s: $name is $now"
  if [[ $now == "$other" ]]; then
    seen[renamed]=1
    other=$name name=$now
  else
    seen[kept]=1
  fi
  check_all "$other"
done
[[ ${seen[renamed]:-} && ${seen[kept]:-} ]] || note "only one outcome was met: ${!seen[*]}"
