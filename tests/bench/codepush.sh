#!/usr/bin/env bash
# Pushing a change of one source file of an app whose dependencies are 200 MB in some 14,000 files, kept in the build cache as one archive, as the bundled
# Node buildpack does: what of it is our own time, phase by phase, as builds:info shows it.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"

rounds=${FAIRLEAD_BENCH_ROUNDS:-5}

start_server
make_buildpack modules "$(
  cat <<'TEXT'
set -euo pipefail
build=$1 cache=$2
if [ ! -f "$cache/modules.tar" ]; then
  mkdir -p "$build/node_modules"
  cd /
  find usr/include usr/share/perl usr/lib/python3* usr/lib/x86_64-linux-gnu usr/lib/git-core usr/bin -xdev -type f -size -8M -printf '%s %p\n' |
    awk '{ sum += $1; if (sum > 200000000) exit; print substr($0, index($0, " ") + 1) }' >/tmp/files || true
  tar -cf - -T /tmp/files | tar -xf - -C "$build/node_modules"
  tar -cf "$cache/modules.tar" -C "$build" node_modules
else
  tar -xf "$cache/modules.tar" -C "$build"
fi
TEXT
)"
new_app code
fairlead buildpacks:set modules -a code >/dev/null
write_web_app code one
# A source of some size, as an app has.
for number in $(seq 1 200); do
  mkdir -p "$work/code/lib/$((number % 20))"
  seq "$number" $((number + 200)) >"$work/code/lib/$((number % 20))/file$number.txt"
done
commit code "First"
push code >"$work/first.log"
push code HEAD:main >/dev/null # what the first one left to the disk
phases=()
for round in $(seq 0 "$rounds"); do
  echo "$round" >"$work/code/page.txt"
  commit code "Round $round"
  push code >"$work/last.log"
  ((round > 0)) || continue # the first after a cold one
  fairlead builds:info -a code --json >"$work/info.json"
  jq '.own_ms / 1000' "$work/info.json" >>"$work/own"
  mapfile -t phases < <(jq -r '.phase_ms | keys[]' "$work/info.json")
  for phase in "${phases[@]}"; do jq --arg phase "$phase" '.phase_ms[$phase]' "$work/info.json" >>"$work/phase.$phase"; done
  echo "  round $round of $rounds: own $(tail -n 1 "$work/own") s$(grep -o 'New: .*' "$work/last.log" | sed 's/^/, /')"
done
for phase in "${phases[@]}"; do printf '  %-10s %6.0f ms\n' "$phase" "$(median "$work/phase.$phase")"; done
goal "code-only push of a 200 MB app, own time" s "$work/own" 0.3
