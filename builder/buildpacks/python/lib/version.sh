# shellcheck shell=bash
# Which Python: Debian's, or a clear no.

# wanted_version: sets $wanted (may be empty) and $wanted_from.
wanted_version() {
  wanted='' wanted_from=''
  if [ -f .python-version ]; then
    wanted=$(sed -e 's/#.*//' -e 's/[[:space:]]//g' .python-version | grep -v '^$' | head -n 1 || true)
    wanted_from=.python-version
  elif [ -f runtime.txt ]; then
    wanted=$(head -n 1 runtime.txt | tr -d '[:space:]')
    wanted_from=runtime.txt
  fi
  wanted=${wanted#python-}
}

check_version() {
  local available
  wanted_version
  available=$(debian_python_version)
  python_version=$available
  if [ -z "$wanted" ]; then
    detail "No version is asked for in .python-version: Python $available is used"
    return
  fi
  [[ $wanted =~ ^[0-9]+(\.[0-9]+){0,2}$ ]] ||
    fail "$wanted_from asks for \"$wanted\", which is no version of Python: write $available there"
  if [ "$wanted" != "${available%%.*}" ] && [ "$(cut -d . -f 1,2 <<< "$wanted")" != "$available" ]; then
    fail "$wanted_from asks for Python $wanted, and the stack $STACK has $available only: write $available there, or choose another buildpack with BUILDPACK_URL"
  fi
  detail "Python $wanted is asked for in $wanted_from: $available is used"
}

# The stack's own python3 is of the same release.
debian_python_version() {
  local found
  found=$(sed -n '/^Package: python3$/,/^$/s/^Version: \([0-9]*\.[0-9]*\).*/\1/p' /var/lib/dpkg/status)
  echo "${found:-3.11}"
}

# Python beside the environment: at run time there is none in the stack.
install_python() {
  local base=.heroku/python-base
  place_runtime python-base
  place_runtime python
  debian_assumed="ca-certificates media-types tzdata debconf" debian_runtime python "$base" "python$python_version" \
    "python$python_version-distutils" python3-pip-whl python3-setuptools-whl python3-wheel-whl
  report python python_version "$(debian_version "$base" "python$python_version")" python_version_asked "$wanted" package_manager pip
  detail "Python $(debian_version "$base" "python$python_version") from Debian"
  export LD_LIBRARY_PATH
  LD_LIBRARY_PATH=$(debian_library_path /app/.heroku/python-base)
}

# Called by debian_runtime before the packages are kept.
finish_python() {
  (cd "$1" && rm -rf usr/share/python3/debpython usr/share/binfmts usr/share/applications usr/share/pixmaps etc)
  rm -f "$1"/usr/lib/python3*/sitecustomize.py
  LD_LIBRARY_PATH=$(debian_library_path "$1") compile_python "$1/usr/bin/python$python_version" "$1/usr/lib"
}

# compile_python PROGRAM FOLDER: byte code that does not depend on the files' times, which all are the same in a slug, and is the same in every
# build: one after the other, constants of sets in one order.
compile_python() {
  PYTHONHASHSEED=0 "$1" -m compileall -q -f -j 1 --invalidation-mode unchecked-hash -x 'lib2to3/tests|/bad_' "$2" > /dev/null 2>&1 || true
}
