# shellcheck shell=bash
# What is made once for many stories. Needs FAIRLEAD (the program), ROOT (the repository), and a function die.

# make_template FOLDER WORK: a data folder with the default stack in it and unpacked, which takes a minute or two; kept when it is there
# already. Needs WEB, see make_web; WORK is a folder for what is made on the way.
make_template() {
  local folder=$1 work=$2 log=$2/template.log pid said=''
  if [[ -e $folder/fairlead.db ]]; then return; fi
  echo "making the stack for the tests (a minute or two)"
  mkdir -p "$folder"
  "$FAIRLEAD" serve --data "$folder" --ssh-listen 127.0.0.1:0 --http-listen 127.0.0.1:0 --router-listen 127.0.0.1:0 >"$log" 2>&1 </dev/null &
  pid=$!
  until [[ $("$FAIRLEAD" --data "$folder" stacks --json 2>/dev/null) == *'"name"'* ]]; do
    if [[ ! -e /proc/$pid ]] || grep -q "could not be made" "$log"; then
      kill -TERM "$pid" 2>/dev/null || true
      tail -n 20 "$log" >&2
      rm -rf "$folder"
      die "the stack could not be made"
    fi
    if [[ $(tail -n 1 "$log") != "$said" ]]; then
      said=$(tail -n 1 "$log")
      printf '  %s\n' "$said"
    fi
    sleep 1
  done
  echo "unpacking the stack"
  first_push "$folder" "$work" >"$work/first_push.log" 2>&1 || {
    tail -n 20 "$work/first_push.log" >&2
    "$FAIRLEAD" --data "$folder" server:stop --all >/dev/null
    rm -rf "$folder"
    die "the first push failed"
  }
  "$FAIRLEAD" --data "$folder" server:stop --all >/dev/null
  wait "$pid"
}

# The first push to a server unpacks the stack's images: done once here. Nothing else of it stays.
first_push() {
  local folder=$1 work=$2/first_push address
  mkdir -p "$work/app"
  ssh-keygen -q -t ed25519 -N '' -f "$work/key"
  "$FAIRLEAD" --data "$folder" keys:add "$work/key.pub"
  "$FAIRLEAD" --data "$folder" apps:create first
  address=$(jq -r .ssh "$folder/ready.json")
  cp "$WEB" "$work/app/web"
  echo 'web: ./web' >"$work/app/Procfile"
  git -C "$work/app" init -q -b main
  git -C "$work/app" add -A
  git -C "$work/app" -c user.name=Tester -c user.email=tester@example.org commit -q -m First
  GIT_SSH_COMMAND="ssh -F /dev/null -i $work/key -o IdentitiesOnly=yes -o IdentityAgent=none -o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=no" \
    git -C "$work/app" push "ssh://git@127.0.0.1:${address##*:}/first.git" main
  "$FAIRLEAD" --data "$folder" apps:destroy -a first --confirm first
  "$FAIRLEAD" --data "$folder" keys:remove "$(ssh-keygen -lf "$work/key.pub" | cut -d' ' -f2)"
}

# make_web FILE: the program that the stories push.
make_web() { g++ -std=c++20 -O1 -s -static -pthread -o "$1" "$ROOT/tests/integration/support/web.cpp"; }
