#!/bin/bash
# The image's entrypoint: starts what is named, in the app's environment.
#   start TYPE [ARG...]   a process type's command from the Procfile, with the arguments behind it
#   start CMD [ARG...]    that command, its words kept as they are
#   start                 the same as: start web
# Names begin with fairlead_ because the scripts sourced below share this shell.

fairlead_command=("$@")
if [[ $# -eq 0 ]]; then fairlead_command=(web); fi

export HOME=/app
if [[ -d /app ]]; then cd /app || :; fi

# By byte value, whatever locale the app asks for.
fairlead_list_scripts() {
  local LC_ALL=C
  fairlead_scripts=(/app/.profile.d/*.sh /app/.profile)
}
fairlead_list_scripts 2>&-  # a locale that the stack lacks is not worth a word at each start

# At top level, not in a function: there `declare` in a script would make its variables local. The `|| :` keeps a script's failure, and its own
# `set -e`, from ending this one.
for fairlead_script in "${fairlead_scripts[@]}"; do
  if [[ -f $fairlead_script && -r $fairlead_script ]]; then
    # shellcheck disable=SC1090  # the app's own
    source "$fairlead_script" || :
    set +eu
  fi
done

fairlead_type=${fairlead_command[0]}
if [[ $fairlead_type != */* && -f /fairlead/types/$fairlead_type ]]; then
  fairlead_line=$(</fairlead/types/"$fairlead_type")
  if [[ ${#fairlead_command[@]} -eq 1 ]]; then exec /bin/bash -c "$fairlead_line"; fi
  exec /bin/bash -c "$fairlead_line \"\$@\"" "${fairlead_command[@]}"
fi
exec -- "${fairlead_command[@]}"
