# shellcheck shell=bash
# The virtual environment and what pip puts there.

require_requirements() {
  [ ! -f requirements.txt ] || return 0
  if [ -f Pipfile ]; then
    fail "a Pipfile is not read by this buildpack: commit the output of \"pipenv requirements\" as requirements.txt"
  elif [ -f uv.lock ]; then
    fail "uv.lock is not read by this buildpack: commit the output of \"uv export --no-dev\" as requirements.txt"
  elif [ -f poetry.lock ]; then
    fail "poetry.lock is not read by this buildpack: commit the output of \"poetry export\" as requirements.txt"
  fi
  fail "there is no requirements.txt: commit one; a single line \".\" installs what pyproject.toml or setup.py describes"
}

# Requirements and constraints that are included, and wheels in the tree, count too; a requirement that is a folder has no fingerprint.
fingerprint_requirements() {
  local files=(requirements.txt) seen=' ' file included i=0
  while ((i < ${#files[@]})); do
    file=${files[i++]}
    [[ $seen != *" $file "* ]] || continue
    seen+="$file "
    [ -f "$file" ] || return 1
    ! grep -Eq '^[[:space:]]*(-e|--editable|\.|file:|git\+)|@[[:space:]]*(file|git)|://[^ ]*\$' "$file" || return 1
    while read -r included; do
      files+=("$(dirname "$file")/$included")
    done < <(sed -nE 's/^[[:space:]]*(-r|-c|--requirement|--constraint)[= ]+([^ #]+).*/\2/p' "$file")
  done
  {
    echo "2 $STACK $(uname -m) $python_version $(cat .heroku/python-base/.packages)"
    for file in $seen; do cat "$file"; done
    find . -path ./.heroku -prune -o \( -name '*.whl' -o -name '*.tar.gz' \) -type f -print0 | sort -z | xargs -0r sha256sum
    env | grep '^PIP_' | sort || true
  } | sha256sum | cut -d ' ' -f 1
}

install_requirements() {
  local fingerprint kept=
  if fingerprint=$(fingerprint_requirements); then kept=$cache/python-$fingerprint.tar.zst; fi
  rm -rf .heroku/python
  mkdir -p .heroku/python
  if [ -n "$kept" ] && [ -f "$kept" ]; then
    detail "Restoring the packages of the last build: requirements.txt has not changed"
    tar -x --zstd -f "$kept" -C .heroku/python
    return
  fi
  make_environment
  restore_pip_cache
  pip install --no-compile --requirement requirements.txt 2>&1 | indent || fail "pip could not install what requirements.txt says: look at its lines above"
  pip check 2>&1 | grep -v '^No broken' | indent || true
  keep_pip_cache
  compile_python python .heroku/python
  rm -f "$cache"/python-*.tar.zst
  if [ -n "$kept" ]; then
    tar -c -C .heroku/python --sort=name . | zstd -q -3 -T0 -o "$kept.new"
    mv "$kept.new" "$kept"
  fi
}

# By hand: python -m venv takes no link for the environment's folder, and Debian's wants its pip in /usr/share.
make_environment() {
  local base=/app/.heroku/python-base/usr wheels pip name
  mkdir -p .heroku/python/bin ".heroku/python/lib/python$python_version/site-packages"
  for name in python python3 "python$python_version"; do
    ln -s "../../python-base/usr/bin/python$python_version" ".heroku/python/bin/$name"
  done
  printf 'home = %s\ninclude-system-site-packages = false\n' "$base/bin" > .heroku/python/pyvenv.cfg
  wheels=$base/share/python-wheels
  pip=$(echo "$wheels"/pip-*.whl)
  /app/.heroku/python/bin/python "$pip/pip" install --quiet --no-compile --disable-pip-version-check --no-index --find-links "$wheels" \
    pip setuptools wheel 2>&1 | indent || fail "pip could not be installed"
  export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_PROGRESS_BAR=off PIP_CACHE_DIR=/tmp/pip-cache
}

restore_pip_cache() { if [ -f "$cache/pip.tar" ]; then tar -xf "$cache/pip.tar" -C /tmp; fi; }

# Built wheels are what is worth keeping.
keep_pip_cache() {
  local limit_kb=512000
  rm -f "$cache/pip.tar"
  if [ -d /tmp/pip-cache/wheels ] && [ "$(du -sk /tmp/pip-cache/wheels | cut -f 1)" -lt $limit_kb ]; then
    tar -cf "$cache/pip.tar" -C /tmp pip-cache/wheels
  fi
}

wants_collectstatic() {
  [ -f manage.py ] && [ -z "${DISABLE_COLLECTSTATIC:-}" ] && python -c 'import django' 2> /dev/null
}

collect_static() {
  step "Running python manage.py collectstatic --noinput"
  PYTHONPATH=$build python manage.py collectstatic --noinput 2>&1 | indent ||
    fail "collectstatic failed: mend it, or set the config var DISABLE_COLLECTSTATIC=1 when the app has no static files"
}

write_profile() {
  mkdir -p .profile.d
  cat > .profile.d/python.sh << PROFILE
export PATH="\$HOME/.heroku/python/bin:\$PATH"
export LD_LIBRARY_PATH="\${LD_LIBRARY_PATH:+\$LD_LIBRARY_PATH:}$(debian_library_path /app/.heroku/python-base)"
export PYTHONUNBUFFERED=true PYTHONHASHSEED=\${PYTHONHASHSEED:-random} PYTHONPATH=\${PYTHONPATH:-\$HOME}
export LANG=\${LANG:-en_US.UTF-8}
PROFILE
  cp "$buildpack/lib/web_concurrency.sh" .profile.d/WEB_CONCURRENCY.sh
  cat > "$buildpack/export" << EXPORT
export PATH="/app/.heroku/python/bin:\$PATH"
export LD_LIBRARY_PATH="\${LD_LIBRARY_PATH:+\$LD_LIBRARY_PATH:}$(debian_library_path /app/.heroku/python-base)"
export PYTHONUNBUFFERED=true
EXPORT
}
