# shellcheck shell=bash
# What the app and its people have set. Needs $build and $env_dir.

# Config vars are there for install and build scripts; some names would break the build itself.
export_config_vars() {
  local file name
  for file in "$env_dir"/*; do
    [ -f "$file" ] || continue
    name=${file##*/}
    [[ $name =~ ^[A-Za-z_][A-Za-z0-9_]*$ ]] || continue
    case $name in
      PATH | GIT_DIR | CPATH | CPPATH | LD_PRELOAD | LIBRARY_PATH | LD_LIBRARY_PATH | LANG | HOME | BUILD_DIR | PORT | BASH_ENV | ENV) ;;
      *) export "$name=$(cat "$file")" ;;
    esac
  done
}

# place_runtime NAME: .heroku/NAME of the app, seen at build time where it will be at run time: what a program writes down about its own
# place stays true.
place_runtime() {
  mkdir -p "$build/.heroku"
  [ "$(realpath "$build")" != "$(realpath /app)" ] || return 0
  mkdir -p /app/.heroku
  rm -rf "/app/.heroku/${1:?}"
  ln -s "$build/.heroku/$1" "/app/.heroku/$1"
}

# procfile_has TYPE: the app says itself how to run it.
procfile_has() { [ -f "$build/Procfile" ] && grep -q "^[[:space:]]*$1[[:space:]]*:" "$build/Procfile"; }
