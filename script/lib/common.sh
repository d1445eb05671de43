# shellcheck shell=bash
# Shared by the scripts in this folder: sourced, never run.
set -euo pipefail

# shellcheck disable=SC2034 # for the scripts that source this
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# say TEXT: what is being done, on stdout, told apart from the output of programs.
say() { printf '==> %s\n' "$*"; }

# die TEXT: one sentence on stderr, and the end.
die() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# as_root COMMAND...: runs it as root; through sudo when this user is not.
as_root() {
  if ((EUID == 0)); then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo -- "$@"
  else
    die "this needs root's rights: run it as root, or install sudo"
  fi
}

# parallel_jobs: how many compilers at a time: one per core, and 1.5 GB of memory for each.
parallel_jobs() {
  local cores memory_kb by_memory
  cores=$(nproc)
  memory_kb=$(awk '/^MemAvailable:/ { print $2 }' /proc/meminfo)
  by_memory=$((memory_kb / 1500000))
  ((by_memory >= 1)) || by_memory=1
  echo $((cores < by_memory ? cores : by_memory))
}
