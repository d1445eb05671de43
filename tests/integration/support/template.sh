# shellcheck shell=bash
# What is made once for many stories. Needs FAIRLEAD (the program), ROOT (the repository), and a function die.

# make_template FOLDER LOG: a data folder with the default stack in it, which takes a minute or two; kept when it is there already.
make_template() {
  local folder=$1 log=$2 pid said=''
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
  "$FAIRLEAD" --data "$folder" server:stop --all >/dev/null
  wait "$pid"
}

# make_web FILE: the program that the stories push.
make_web() { g++ -std=c++20 -O1 -s -static -pthread -o "$1" "$ROOT/tests/integration/support/web.cpp"; }
