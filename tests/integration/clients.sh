#!/usr/bin/env bash
# Clients of many kinds, each with its own SSH and its own keys: every one clones, pushes a commit, is deployed and sees its build where it can.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

python=/usr/bin/python3 # which has Debian's packages
clients=$ROOT/tests/support/git_clients.py

# known_key NAME KIND...: a key pair that may log in.
known_key() {
  local file=$work/keys/$1
  shift
  ssh-keygen -q -N '' -C "$(basename "$file")@test" -f "$file" "$@"
  fairlead keys:add "$file.pub" --user admin >/dev/null
}

metric() { curl -sS "http://$http_address/metrics" | sed -n "s/^$1 //p"; }

# deployed_by WHO FOLDER: what it pushed is deployed and served.
deployed_by() {
  assert_eq "$(deployed_commit hello)" "$(git -C "$2" rev-parse HEAD)" "commit deployed by $1"
  assert_contains "$(page hello)" "page=page of $1" "page of $1"
}

# git_with WHO URL: git as it is set up by the environment clones, pushes, and shows the build. Then, the refusal of a wrong name.
git_with() {
  local folder=$work/clone-$1 said
  note "git with $1"
  git clone -q "$2" "$folder"
  git -C "$folder" log -1 --format=%H >/dev/null
  printf 'page of %s' "$1" >"$folder/page.txt"
  git -C "$folder" commit -q -a -m "By $1"
  said=$(git -C "$folder" push origin HEAD:main 2>&1 </dev/null) || fail "$1 cannot push: $said"
  assert_contains "$said" "remote:        http://hello." "what $1 shows"
  assert_contains "$said" "deployed to Fairlead" "what $1 shows"
  deployed_by "$1" "$folder"
  refused 128 git ls-remote "${2/hello/nosuch}"
  assert_contains "$refusal" "no app \"nosuch\"" "what $1 shows of a refusal"
}

# library_with WHO LIBRARY KEY
library_with() {
  local folder=$work/clone-$1 said
  note "$1"
  said=$("$python" "$clients" "$2" "ssh://git@localhost:$ssh_port/hello.git" "$3" "$folder" "page of $1" 2>&1) || fail "$1: $said"
  deployed_by "$1" "$folder"
  transcript=$said
}

start_server
deploy_web_app hello first
mkdir "$work/keys"
known_key rsa -t rsa -b 3072
known_key ecdsa -t ecdsa
url=ssh://git@localhost:$ssh_port/hello.git

git_with OpenSSH "$url"
GIT_SSH_COMMAND="ssh -F $HOME/.ssh/config -i $work/keys/ecdsa -o IdentityFile=none" git_with OpenSSH-ecdsa "$url"
assert_contains "$(git -c protocol.version=0 ls-remote "$url")" "refs/heads/main" "protocol 0"
assert_contains "$(git -c protocol.version=1 ls-remote "$url")" "refs/heads/main" "protocol 1"

# git knows it for a client that takes no options, so the port stands here.
dropbear_with() {
  dropbearconvert openssh dropbear "$2" "$work/keys/$1" 2>/dev/null
  printf '#!/bin/sh\nexec dbclient -y -y -p %s -i %s "$@"\n' "$ssh_port" "$work/keys/$1" >"$work/$1"
  chmod 755 "$work/$1"
  (
    unset GIT_SSH_COMMAND
    GIT_SSH="$work/$1" git_with "$1" "git@localhost:hello.git"
  )
}
dropbear_with dropbear-ed25519 "$HOME/.ssh/id_ed25519"
dropbear_with dropbear-rsa "$work/keys/rsa"
dropbear_with dropbear-ecdsa "$work/keys/ecdsa"

plink_with() {
  puttygen "$2" -O private -o "$work/keys/$1.ppk"
  GIT_SSH_VARIANT=plink git_with "$1" "$url"
}
host_key=$(ssh-keygen -l -f "$data/keys/ssh_host_ed25519_key" | cut -d' ' -f2)
GIT_SSH_COMMAND="plink -batch -hostkey $host_key -i $work/keys/plink.ppk" plink_with plink "$HOME/.ssh/id_ed25519"
GIT_SSH_COMMAND="plink -batch -hostkey $host_key -i $work/keys/plink-rsa.ppk" plink_with plink-rsa "$work/keys/rsa"

library_with libgit2 libgit2 "$HOME/.ssh/id_ed25519"
library_with dulwich dulwich "$HOME/.ssh/id_ed25519"
assert_contains "$transcript" "deployed to Fairlead" "what dulwich shows"

note "paramiko, two commands at once"
said=$("$python" "$clients" paramiko "git@localhost:$ssh_port" "$work/keys/rsa" "apps" "config -a hello")
assert_contains "$said" hello "what the commands print"

note "ControlMaster: pushes to several apps and a dozen of small things at the same time, over one connection"
new_app second
write_web_app second second
commit second "First"
git -C "$work/hello" fetch -q fairlead main
git -C "$work/hello" reset -q --hard FETCH_HEAD
printf 'page of ControlMaster' >"$work/hello/page.txt"
commit hello "By ControlMaster"
ssh -F "$HOME/.ssh/config" -M -N -f -o ControlPath="$work/ctl" -p "$ssh_port" git@localhost
before=$(metric fairlead_ssh_connections_total)
export GIT_SSH_COMMAND="ssh -F $HOME/.ssh/config -o ControlPath=$work/ctl -o ControlMaster=no"
pids=()
for app in hello second; do git -C "$work/$app" push fairlead HEAD:main >"$work/multi.$app" 2>&1 </dev/null & pids+=($!); done
for _ in 1 2 3 4; do
  listings=()
  for _ in 1 2 3; do git ls-remote "$url" >>"$work/multi.refs" & listings+=($!); done
  for pid in "${listings[@]}"; do wait "$pid" || fail "ls-remote failed"; done
done
for pid in "${pids[@]}"; do wait "$pid" || fail "one of them failed: $(cat "$work"/multi.*)"; done
assert_eq "$(metric fairlead_ssh_connections_total)" "$before" "connections made"
assert_eq "$(wc -l <"$work/multi.refs")" 24 "lines of ls-remote"
for app in hello second; do assert_contains "$(cat "$work/multi.$app")" "deployed to Fairlead" "transcript of $app"; done
deployed_by ControlMaster "$work/hello"
ssh -F "$HOME/.ssh/config" -o ControlPath="$work/ctl" -O exit git@localhost 2>/dev/null

note "what /metrics says of all this"
(($(metric 'fairlead_pushes_total{result="accepted"}') >= 12)) || fail "pushes accepted: $(metric 'fairlead_pushes_total{result="accepted"}')"
for each in fairlead_ssh_connections_total 'fairlead_ssh_logins_total{result="accepted"}' fairlead_ssh_handshake_seconds_count \
  'fairlead_ssh_bytes_total{direction="in"}' 'fairlead_ssh_sessions_total{service="upload-pack"}' fairlead_push_pack_bytes_total \
  'fairlead_push_phase_seconds_count{phase="receive"}' 'fairlead_push_phase_seconds_count{phase="build"}'; do
  (($(metric "$each") > 0)) || fail "$each says nothing"
done
