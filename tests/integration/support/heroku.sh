# shellcheck shell=bash
# The heroku program from npm for stories: fetched once, and kept beside the template. Needs node 20 or newer. Sourced after lib.sh, before the server is started.
# shellcheck disable=SC2154 # of lib.sh

heroku_version=11
programs=$TEMPLATE-programs

install_heroku() {
  local major
  major=$(node -p "process.versions.node.split(\".\")[0]" 2>/dev/null) || major=0
  ((major >= 20)) || skip "node 20 or newer is not here"
  mkdir -p "$programs"
  exec {lock}>"$programs/lock"
  flock "$lock"  # another story may be fetching it
  [[ ! -x $programs/heroku/node_modules/.bin/heroku ]] || return 0
  rm -rf "$programs/heroku.new"
  mkdir -p "$programs/heroku.new"
  npm install --silent --no-fund --no-audit --prefix "$programs/heroku.new" "heroku@$heroku_version" >"$work/npm.log" 2>&1 ||
    skip "the heroku program could not be had from npm: $(tail -n 1 "$work/npm.log")"
  rm -rf "$programs/heroku"
  mv "$programs/heroku.new" "$programs/heroku"
}

# After start_server: makes a token, and heroku_as, the program with what it has to know of this server.
use_heroku() {
  token=$(fairlead tokens:create --json | jq -r .token)
  heroku_as=(env NO_COLOR=1 HEROKU_HOST="http://localhost:${http_address##*:}" HEROKU_API_KEY="$token" HEROKU_GIT_HOST="localhost:$ssh_port" NO_PROXY="$no_proxy" HEROKU_DISABLE_TELEMETRY=1
    DISABLE_TELEMETRY=true https_proxy='' HTTPS_PROXY='' HEROKU_SKIP_NEW_VERSION_CHECK=1 "$programs/heroku/node_modules/.bin/heroku")
}

# heroku WORDS...: what it says, on both streams, without colours.
heroku() { (cd "$work/tree" && timeout "${patience:-90}" "${heroku_as[@]}" "$@" 2>&1 </dev/null); }

# says TEXT WORDS...: heroku WORDS succeeds and says TEXT.
says() {
  local wanted=$1 said
  shift
  said=$(heroku "$@") || fail "heroku $* failed: $said"
  assert_contains "$said" "$wanted" "heroku $*"
  note "heroku $*: $(grep -F -m 1 -- "$wanted" <<<"$said" || echo "$wanted")"
}

# hides TEXT WORDS...: it succeeds and does not say TEXT.
hides() {
  local unwanted=$1 said
  shift
  said=$(heroku "$@") || fail "heroku $* failed: $said"
  assert_lacks "$said" "$unwanted" "heroku $*"
}

# prints TEXT WORDS...: what it says is TEXT.
prints() {
  local wanted=$1
  shift
  assert_eq "$(heroku "$@")" "$wanted" "heroku $*"
}

# declines TEXT WORDS...: it fails and says why.
declines() {
  local wanted=$1
  shift
  refused any heroku "$@"
  refusal=$(tr -s ' \n' ' ' <<<"${refusal//›/}")  # it breaks lines where it likes
  assert_contains "$refusal" "$wanted" "heroku $*"
  note "heroku $*: refused: $wanted"
}
