#!/usr/bin/env bash
# fairlead init in a folder: the app, the remote, and what it says when one of them is there or no git repository is.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

init_in() { (cd "$work/$1" && shift && fairlead init "$@"); }

start_server
mkdir "$work/My_Shop"
refused 1 init_in My_Shop
assert_contains "$refusal" "in no git repository: make one with git init"
git init -q "$work/My_Shop"
init_in My_Shop | sed 's/^/  | /'
assert_eq "$(git -C "$work/My_Shop" remote get-url fairlead)" "ssh://git@localhost:$ssh_port/my-shop.git" "remote"
refused 1 init_in My_Shop
assert_contains "$refusal" "has a remote fairlead already"

note "an app of one's own is taken, another's is not"
fairlead apps:create hello >/dev/null
git init -q "$work/hello"
assert_contains "$(init_in hello hello)" "Took the app that is there, hello"
fairlead users:create bob >/dev/null
token=$(ssh_git users 2>/dev/null | grep -q bob && fairlead tokens:create --json | jq -r .token)
git init -q "$work/third"
assert_eq "$(cd "$work/third" && FAIRLEAD_URL=http://$http_address FAIRLEAD_TOKEN=$token "$FAIRLEAD" init third --json | jq -r .name)" third "name over HTTP"

note "and is deployed"
write_web_app hello one
commit hello First
push hello
assert_contains "$(page hello)" "page=one"
refused 2 init_in hello a b
