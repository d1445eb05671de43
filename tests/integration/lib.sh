# shellcheck shell=bash
# The words that the stories are told in. A story sources this; it then has a data folder, a home and a key of its own, and at its end,
# however it ends, the server and all that it started are gone: what is left behind fails the story.
#
# From tests/integration/run: FAIRLEAD (the program), TEMPLATE (a data folder with the stack made), WEB (the test app's binary), ROOT (the
# repository), STORY_WORK (a folder that run removes).
set -euo pipefail

: "${FAIRLEAD:?run stories by tests/integration/run NAME}" "${TEMPLATE:?}" "${WEB:?}" "${ROOT:?}" "${STORY_WORK:?}"
story=$(basename "$0" .sh)
work=$STORY_WORK
data=$work/data
server_log=$work/server.log
server_pid=
ssh_address='' http_address='' router_address=''
unset FAIRLEAD_URL FAIRLEAD_TOKEN FAIRLEAD_DATA XDG_DATA_HOME GIT_DIR GIT_WORK_TREE
# Settings of the machine's npm count, those of its user's git and ssh do not.
[[ -z ${HOME:-} || ! -f $HOME/.npmrc || -n ${npm_config_registry:-} ]] || npm_config_registry=$(sed -n 's/^registry *= *//p' "$HOME/.npmrc" | head -n 1)
[[ -z ${npm_config_registry:-} ]] || export npm_config_registry
export HOME=$work/home GIT_CONFIG_NOSYSTEM=1 GIT_TERMINAL_PROMPT=0 LC_ALL=C.UTF-8 no_proxy="${no_proxy:-},localhost,.localhost,127.0.0.1"
# Stories look into repositories that are the server's account's.
export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*'

# --- saying

note() { printf '# %s\n' "$*"; }

# fail TEXT: where and what, and the end of the story.
fail() {
  local depth=0
  while [[ ${BASH_SOURCE[depth]} == */lib.sh ]]; do depth=$((depth + 1)); done
  printf 'FAIL: %s.sh:%s: %s\n' "$story" "${BASH_LINENO[depth - 1]}" "$*" >&2
  exit 1
}

# What ends a story without a word is told by its own place.
set -E
trap '((BASH_SUBSHELL > 0)) || printf "FAIL: %s:%s: %s\n" "${BASH_SOURCE[0]##*/}" "$LINENO" "$BASH_COMMAND" >&2' ERR

skip() {
  printf 'SKIP: %s\n' "$*"
  exit 77
}

# --- asserting

assert_eq() { [[ $1 == "$2" ]] || fail "${3:-value}: expected \"$2\", got \"$1\""; }

# assert_contains TEXT WORDS [WHAT]: WORDS stand in TEXT, literally.
assert_contains() { [[ $1 == *"$2"* ]] || fail "${3:-text} lacks \"$2\": $1"; }

assert_lacks() { [[ $1 != *"$2"* ]] || fail "${3:-text} has \"$2\": $1"; }

# assert_order TEXT A B...: each stands in TEXT after the one before.
assert_order() {
  local rest=$1 word
  shift
  for word in "$@"; do
    [[ $rest == *"$word"* ]] || fail "\"$word\" is missing, or not where it belongs: $rest"
    rest=${rest#*"$word"}
  done
}

# refused STATUS COMMAND...: it must end with this status ("any": any but 0); what it printed is in $refusal.
refused() {
  local wanted=$1 status=0
  shift
  refusal=$("$@" 2>&1 </dev/null) || status=$?
  if [[ $wanted == any ]]; then
    ((status != 0)) || fail "should have failed: $* printed: $refusal"
  else
    assert_eq "$status" "$wanted" "exit status of $* ($refusal)"
  fi
}

# run_code COMMAND...: what it printed is in $output, its exit code in $status.
# shellcheck disable=SC2034 # for the stories
run_code() {
  status=0
  output=$("$@" 2>&1) || status=$?
}

# wait_until SECONDS WHAT COMMAND...: until the command succeeds. What it should take is on an idle machine, and three times that
# (FAIRLEAD_TEST_PATIENCE) is waited for: how long things take is for tests/bench to say.
wait_until() {
  local end=$((SECONDS + $1 * ${FAIRLEAD_TEST_PATIENCE:-3})) what=$2
  shift 2
  until "$@"; do
    ((SECONDS < end)) || fail "not within the time: $what"
    sleep 0.1
  done
}

# --- the server

make_home() {
  mkdir -p "$HOME/.ssh" "$work/tmp"
  chmod 700 "$HOME/.ssh"
  ssh-keygen -q -t ed25519 -N '' -C owner@test -f "$HOME/.ssh/id_ed25519"
  # ssh takes its files from the account's home; -F is how it takes these.
  cat >"$HOME/.ssh/config" <<TEXT
Host *
  User git
  IdentityFile $HOME/.ssh/id_ed25519
  IdentitiesOnly yes
  IdentityAgent none
  UserKnownHostsFile $HOME/.ssh/known_hosts
  StrictHostKeyChecking yes
  LogLevel ERROR
TEXT
  export GIT_SSH_COMMAND="ssh -F $HOME/.ssh/config"
  git config --global user.name Tester
  git config --global user.email tester@example.org
  git config --global init.defaultBranch main
  git config --global advice.detachedHead false
  cat >"$work/fairlead.conf" <<TEXT
# Sooner than the defaults, so that a test need not wait for them.
stop_grace_s = 5
port_timeout_s = 20
build_timeout_s = 300
ssh_login_grace_s = 5
TEXT
}

# The template's stack under a data folder of our own: its big files are linked, what changes is copied.
make_data() {
  local entry
  mkdir -m 700 "$data"
  for entry in "$TEMPLATE"/*; do
    case $(basename "$entry") in
      blobs | layers) cp -al "$entry" "$data/" ;;
      run | *.sock | ready.json | serve.lock) ;;
      *) cp -a "$entry" "$data/" ;;
    esac
  done
}

ready_field() { jq -r ".$1" "$data/ready.json"; }

server_is_ready() {
  kill -0 "$server_pid" 2>/dev/null || fail "the server ended: $(tail -n 5 "$server_log")"
  [[ -e $data/ready.json && $(ready_field pid) == "$server_pid" ]]
}

# Starts the server (again: on the same ports) and waits until it answers.
start_server() {
  "$FAIRLEAD" serve --data "$data" --config "$work/fairlead.conf" --ssh-listen "${ssh_address:-127.0.0.1:0}" --http-listen "${http_address:-127.0.0.1:0}" \
    --router-listen "${router_address:-127.0.0.1:0}" --admin-key "$HOME/.ssh/id_ed25519.pub" >>"$server_log" 2>&1 </dev/null &
  server_pid=$!
  wait_until 30 "the server is ready" server_is_ready
  ssh_address=$(ready_field ssh) http_address=$(ready_field http) router_address=$(ready_field router)
  ssh_port=${ssh_address##*:}
  trust_host_key
}

trust_host_key() {
  local key
  key=$(ssh-keygen -y -f "$data/keys/ssh_host_ed25519_key")
  printf '[localhost]:%s %s\n[127.0.0.1]:%s %s\n' "$ssh_port" "$key" "$ssh_port" "$key" >"$HOME/.ssh/known_hosts"
}

# Ends the daemon; its apps and the router serve on.
stop_server() {
  kill -TERM "$server_pid"
  end_of_server 30
}

kill9_server() {
  kill -KILL "$server_pid"
  end_of_server 10
}

end_of_server() {
  local pid=$server_pid status=0
  wait_until "$1" "the server ends" server_is_gone
  wait "$pid" 2>/dev/null || status=$?
  server_pid=
  # shellcheck disable=SC2034 # for the stories
  server_status=$status
}

# Nothing can be read of a process that this shell has reaped meanwhile.
server_is_gone() { [[ $(sed -n 's/^State:\s*\(.\).*/\1/p' "/proc/$server_pid/status" 2>/dev/null) == ?([ZX]) ]]; }

# fairlead WORDS...: the machine's administrator.
fairlead() { "$FAIRLEAD" --data "$data" "$@"; }

# ssh_git WORDS...: a command over ssh with the pusher's key.
ssh_git() { ssh -F "$HOME/.ssh/config" -p "$ssh_port" git@localhost "$@"; }

# --- apps

# new_app NAME: makes it, and a repository $work/NAME with the remote "fairlead" and nothing in it.
new_app() {
  fairlead apps:create "$1" >/dev/null
  new_repository "$1"
}

new_repository() {
  git init -q "$work/$1"
  git -C "$work/$1" remote add fairlead "ssh://git@localhost:$ssh_port/$1.git"
}

# write_web_app NAME TEXT: the test app, whose page shows TEXT.
write_web_app() {
  local folder=$work/$1
  cp "$WEB" "$folder/web"
  printf '%s' "$2" >"$folder/page.txt"
  printf 'web: ./web\nworker: ./web worker\n' >"$folder/Procfile"
}

# commit NAME MESSAGE: everything that is in the folder.
commit() {
  git -C "$work/$1" add -A
  git -C "$work/$1" commit -q --allow-empty -m "$2"
}

# push NAME [ARGUMENTS]: pushes (HEAD to main, unless told otherwise); what the pusher saw is in $transcript.
push() {
  local name=$1
  shift
  (($# > 0)) || set -- HEAD:main
  try_push "$name" "$@" || fail "the push failed: $transcript"
}

try_push() {
  local name=$1 status=0
  shift
  transcript=$(git -C "$work/$name" push fairlead "$@" 2>&1 </dev/null) || status=$?
  printf '%s\n' "$transcript" | sed 's/^/  | /'
  return "$status"
}

# deploy_web_app NAME TEXT: makes and pushes the test app for the first time.
deploy_web_app() {
  new_app "$1"
  write_web_app "$1" "$2"
  commit "$1" "First"
  push "$1"
}

# page NAME [PATH]: what the app answers through the router; fails when it is not 2xx.
page() { curl -sS --fail-with-body --max-time 20 -H "Host: $1.localhost" "http://$router_address${2:-/}"; }

# page_status NAME [PATH]: the HTTP status only.
page_status() { curl -sS --max-time 20 -o /dev/null -w '%{http_code}' -H "Host: $1.localhost" "http://$router_address${2:-/}"; }

current_version() { fairlead releases -a "$1" --json | jq -r '[.[] | select(.current)][0].version'; }

deployed_commit() { git -C "$data/repos/$1.git" rev-parse -q --verify "refs/heads/${2:-main}" || echo none; }

process_names() { fairlead ps -a "$1" --json | jq -r '[.[] | select(.state == "up") | .name] | sort | join(" ")'; }

# assert_no_build_files APP: what a build worked with is removed, soon after its end at the latest.
assert_no_build_files() {
  local end=$((SECONDS + 15))
  until [[ -z $(build_files "$1") ]]; do
    ((SECONDS < end)) || fail "left of the builds of $1: $(build_files "$1")"
    sleep 0.1
  done
}
build_files() { find "$data/run/builds" "$data/repos/$1.git/quarantine" -mindepth 1 ! -name .trash 2>/dev/null || true; }

# make_buildpack NAME COMPILE: an operator's own buildpack, which takes every app; COMPILE is the text of its shell script.
make_buildpack() {
  local folder=$data/buildpacks/$1/bin
  mkdir -p "$folder"
  printf '#!/bin/sh\necho %s\n' "$1" >"$folder/detect"
  printf '#!/bin/bash\n%s\n' "$2" >"$folder/compile"
  chmod 755 "$folder/"*
}

# --- load

# start_load NAME [PATH]: asks the app for its page again and again, two at a time, until stop_load.
start_load() {
  touch "$work/loading"
  : >"$work/load.log"
  load_pids=()
  local worker
  for worker in 1 2; do
    load_loop "$1" "${2:-/}" "$worker" &
    load_pids+=($!)
  done
}

load_loop() {
  local batch=0
  while [[ -e $work/loading ]]; do
    # A curl per batch keeps the connection open as browsers do, and a new one opens another.
    curl -s --max-time 20 -o /dev/null -w '%{http_code} %{errormsg}\n' -H "Host: $1.localhost" "http://$router_address$2?[1-50]" >>"$work/load.log" || true
    batch=$((batch + 1))
  done
}

# stop_load: every request must have been answered 200.
stop_load() {
  local total bad
  rm -f "$work/loading"
  wait "${load_pids[@]}"
  total=$(wc -l <"$work/load.log")
  bad=$(grep -cv '^200 ' "$work/load.log" || true)
  note "$total requests under way, $bad failed"
  ((total > 0)) || fail "the load asked nothing"
  [[ $bad == 0 ]] || fail "$bad of $total requests failed: $(grep -v '^200 ' "$work/load.log" | sort | uniq -c | head -n 5)"
}

# start_releases NAME: makes one release of the app after the other until stop_releases.
start_releases() {
  touch "$work/releasing"
  release_loop "$1" &
  release_pid=$!
}

release_loop() {
  local count=0
  while [[ -e $work/releasing ]]; do
    count=$((count + 1))
    fairlead config:set "COUNT=$count" -a "$1" >/dev/null || return 1
  done
}

# stop_releases: every one must have been made.
stop_releases() {
  rm "$work/releasing"
  wait "$release_pid" || fail "a release failed"
}

# --- the end

# Processes that have the data folder in their command line or working directory.
processes_of_data() {
  local entry
  for entry in /proc/[0-9]*; do
    if tr '\0' ' ' 2>/dev/null <"$entry/cmdline" | grep -qF "$data" || [[ $(readlink "$entry/cwd" 2>/dev/null) == "$data"* ]]; then
      printf '%s %s\n' "${entry#/proc/}" "$(tr '\0' ' ' 2>/dev/null <"$entry/cmdline" | cut -c1-150)"
    fi
  done
}

left_behind() {
  local seed
  seed=$(printf '%s' "$(readlink -f "$data")/run" | sha256sum | cut -c1-8)
  processes_of_data | sed 's/^/process /'
  grep -E "$data|fairlead-$seed" /proc/self/mountinfo | sed 's/^/mount /' || true
  ip -o link show 2>/dev/null | grep -F "fl$seed" | sed 's/^/network /' || true
  iptables-save 2>/dev/null | grep -F "fl$seed" | sed 's/^/firewall /' || true
  find /sys/fs/cgroup -type d -name "fairlead-$seed" 2>/dev/null | sed 's/^/cgroup /' || true
}

stop_all() {
  if [[ -z $server_pid ]] || server_is_gone; then
    note "starting the server again, to end what it left"
    start_server
  fi
  fairlead server:stop --all >/dev/null
  server_is_gone || fail "server:stop came back before the server had ended"
  end_of_server 1
}

at_end() {
  local status=$? left
  trap - EXIT
  set +e
  rm -f "$work/loading"
  if declare -F story_cleanup >/dev/null; then story_cleanup; fi
  if [[ -e $data ]]; then
    if ! (stop_all); then
      echo "FAIL: $story: the server could not be stopped" >&2
      ((status != 0)) || status=1
    fi
    left=$(left_behind)
    # The door of a server without root goes just after the server.
    local end=$((SECONDS + 10))
    while [[ $left == *rootless-door* ]] && ((SECONDS < end)); do
      sleep 0.1
      left=$(left_behind)
    done
    if [[ -n $left ]]; then
      printf 'FAIL: %s: left behind after server:stop --all:\n%s\n' "$story" "$left" >&2
      status=1
    fi
  fi
  if ((status != 0 && status != 77)) && [[ -e $server_log ]]; then
    echo "--- the server's log:"
    tail -n 60 "$server_log"
  fi
  exit "$status"
}

trap at_end EXIT
trap 'exit 130' INT TERM
make_home
make_data
