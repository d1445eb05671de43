# shellcheck shell=bash
# Sourced by the benchmarks: clocks, medians, the table's rows.

now() { date +%s.%N; }

# seconds COMMAND...: how long it took; its failure ends the benchmark.
seconds() {
  local start
  start=$(now)
  "$@" >"$STORY_WORK/last.log" 2>&1 || {
    echo "failed: $*" >&2
    tail -n 5 "$STORY_WORK/last.log" >&2
    exit 1
  }
  awk -v a="$start" -v b="$(now)" 'BEGIN { printf "%.4f\n", b - a }'
}

# median FILE: of one number a line.
median() { sort -n "$1" | awk '{ v[NR] = $1 } END { print (NR % 2) ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }

# row WHAT UNIT OURS PEER PEER-NAME: files of measurements. Less is better for times and bytes, more for all else.
row() {
  local ours peer ratio
  ours=$(median "$3")
  peer=$(median "$4")
  case $2 in
    s | ms | MB) ratio=$(awk -v a="$ours" -v b="$peer" 'BEGIN { printf "%.2f", b / a }') ;;
    *) ratio=$(awk -v a="$ours" -v b="$peer" 'BEGIN { printf "%.2f", a / b }') ;;
  esac
  printf '%s|%s|%.4g|%.4g|%s|%s\n' "$1" "$2" "$ours" "$peer" "$ratio" "$5" >>"$ROWS"
}

# goal WHAT UNIT OURS TARGET: a file of measurements beside what they are to be below; the ratio is above 1 when they are.
goal() {
  local ours
  ours=$(median "$3")
  printf '%s|%s|%.4g|%.4g|%s|target\n' "$1" "$2" "$ours" "$4" "$(awk -v a="$ours" -v b="$4" 'BEGIN { printf "%.2f", a == b ? 1 : a == 0 ? 1000 : b / a }')" >>"$ROWS"
}
