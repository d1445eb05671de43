# shellcheck shell=bash
# Lines as people know them from Heroku.

step() { echo "-----> $*"; }
detail() { echo "       $*"; }
warn() { echo " !     $*"; }
fail() {
  warn "$*"
  exit 1
}
indent() { sed -u 's/^/       /'; }

# report BUILDPACK NAME VALUE...: what bin/report tells of this build, as one object; kept in $cache.
report() {
  local file=$cache/report-$1.json
  shift
  # shellcheck disable=SC2016 # jq's
  jq -cn '$ARGS.positional as $all | [range(0; $all | length; 2) | {key: $all[.], value: $all[. + 1]}] | from_entries' --args "$@" > "$file"
}
