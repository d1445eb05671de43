# shellcheck shell=bash
# Sourced before a process starts: how many workers a web server should run, from the memory that it may use. A value of the user's counts more.

detect_memory_mb() {
  local limit file default=512 largest=1048576
  for file in /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes; do
    limit=$(cat "$file" 2> /dev/null) || continue
    case $limit in
      *[!0-9]* | '') continue ;;
    esac
    # More digits than a machine has bytes: no limit.
    [ ${#limit} -le 15 ] || continue
    limit=$((limit / 1048576))
    if [ "$limit" -gt 0 ] && [ "$limit" -lt $largest ]; then
      echo "$limit"
      return
    fi
  done
  echo $default
}

export MEMORY_AVAILABLE=${MEMORY_AVAILABLE:-$(detect_memory_mb)}
export WEB_MEMORY=${WEB_MEMORY:-${WORKER_MEMORY:-256}}
if [ -z "${WEB_CONCURRENCY:-}" ] && [ "$WEB_MEMORY" -gt 0 ] 2> /dev/null && [ "$MEMORY_AVAILABLE" -gt 0 ] 2> /dev/null; then
  WEB_CONCURRENCY=$((MEMORY_AVAILABLE / WEB_MEMORY))
  [ "$WEB_CONCURRENCY" -gt 0 ] || WEB_CONCURRENCY=1
  [ "$WEB_CONCURRENCY" -le 200 ] || WEB_CONCURRENCY=200
  export WEB_CONCURRENCY
fi
