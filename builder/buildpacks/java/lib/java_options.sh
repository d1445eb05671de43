# shellcheck shell=bash

# The rest is for threads, classes and what is compiled; a choice of the user's stands.
case "${JAVA_TOOL_OPTIONS:-} ${JAVA_OPTS:-}" in
  *-Xmx* | *MaxRAMPercentage*) ;;
  *)
    JAVA_TOOL_OPTIONS="-Xmx$((MEMORY_AVAILABLE * 6 / 10))m$([ "$MEMORY_AVAILABLE" -gt 1024 ] || echo ' -Xss512k -XX:CICompilerCount=2') -Dfile.encoding=UTF-8${JAVA_TOOL_OPTIONS:+ $JAVA_TOOL_OPTIONS}"
    export JAVA_TOOL_OPTIONS
    ;;
esac
