# npm ci or npm install, with node_modules kept between builds.

# Reads package.json once: each jq costs more than all questions together.
read_scripts() {
  scripts=$(jq -r '.scripts // {} | objects | to_entries[] | select(.value | strings | length > 0) | .key' package.json)
}

has_script() { [[ $'\n'$scripts$'\n' == *$'\n'"$1"$'\n'* ]]; }

run_script() {
  detail "Running $1"
  npm run "$1" 2>&1 | indent || fail "the script $1 of package.json failed"
}

lock_file() {
  local name
  for name in npm-shrinkwrap.json package-lock.json; do
    if [ -f "$name" ]; then
      echo "$name"
      return
    fi
  done
}

# Whether node_modules depends on nothing but the fingerprint: scripts of the app's own and links to its folders may make more than node_modules.
is_reusable() {
  [ -n "$lock" ] || return 1
  ! grep -q '"link": *true' "$lock" || return 1
  jq -e '(.workspaces | not) and ([.scripts // {} | keys[] |
    select(IN("preinstall", "install", "postinstall", "prepublish", "preprepare", "prepare", "postprepare", "dependencies"))] | length == 0)' \
    package.json >/dev/null
}

fingerprint() {
  {
    echo "1 $STACK $(uname -m) $node_version $npm_version $NODE_ENV $keep_dev"
    jq -S 'del(.scripts, .version, .description, .author, .license, .keywords, .repository, .main)' package.json
    cat "$lock"
    [ ! -f .npmrc ] || cat .npmrc
    env | grep -i '^npm_config_' | grep -v -e '^npm_config_cache=' | sort || true
  } | sha256sum | cut -d ' ' -f 1
}

needs_dev() { has_script heroku-prebuild || has_script heroku-postbuild || has_script build; }

# NPM_CONFIG_PRODUCTION=true leaves development dependencies out from the start, =false keeps them to the end: Heroku's words.
choose_dev() {
  keep_dev=no
  if [ "$NODE_ENV" != production ] || [ "${NPM_CONFIG_PRODUCTION:-}" = false ]; then keep_dev=yes; fi
  has_dev=$(jq -r '(.devDependencies // {}) | length > 0' package.json)
  local dev=include
  if [ "${NPM_CONFIG_PRODUCTION:-}" = true ]; then dev=omit; fi
  unset NPM_CONFIG_PRODUCTION
  if [ "${npm_version%%.*}" -lt 7 ]; then
    if [ $dev = omit ]; then dev_flag=--only=production; else dev_flag=--only=; export NPM_CONFIG_PRODUCTION=false; fi
  else
    dev_flag=--$dev=dev
  fi
}

run_npm() {
  npm "$@" 2>&1 | indent || fail "npm $1 failed"
}

install_dependencies() {
  lock=$(lock_file)
  choose_dev
  local name
  for name in yarn.lock pnpm-lock.yaml; do
    if [ -z "$lock" ] && [ -f "$name" ]; then warn "$name is not read: this buildpack installs with npm"; fi
  done
  kept=
  if is_reusable; then kept="$cache/modules-$(fingerprint).tar"; fi
  if has_script heroku-prebuild; then run_script heroku-prebuild; fi
  restored=no
  if [ -n "$kept" ] && [ -f "$kept" ]; then
    detail "Restoring node_modules: $lock has not changed"
    rm -rf node_modules
    tar -xf "$kept"
    restored=yes
    return
  fi
  rm -f "$cache"/modules-*.tar
  install_headers
  if [ -f "$cache/npm.tar" ]; then tar -xf "$cache/npm.tar" -C /tmp; fi
  if [ -n "$lock" ]; then
    detail "Installing node modules ($lock)"
    run_npm ci "$dev_flag"
  else
    warn "There is no package-lock.json: versions may change from build to build"
    run_npm install "$dev_flag" --no-package-lock
  fi
  keep_npm_cache
  # What a build script still needs is kept with development dependencies, else the pruned result is.
  if needs_dev; then keep_modules; fi
}

keep_npm_cache() {
  local limit_kb=512000
  rm -f "$cache/npm.tar"
  if [ -d /tmp/npm-cache ] && [ "$(du -sk /tmp/npm-cache | cut -f 1)" -lt $limit_kb ]; then
    tar -cf "$cache/npm.tar" -C /tmp npm-cache
  fi
}

keep_modules() {
  if [ -z "$kept" ] || [ $restored = yes ] || [ ! -d node_modules ]; then return 0; fi
  tar -cf "$kept.new" node_modules
  mv "$kept.new" "$kept"
}

prune_dependencies() {
  if needs_dev || [ $restored = no ]; then
    if [ $keep_dev = no ] && [ "$has_dev" = true ] && [ -d node_modules ]; then
      step "Pruning devDependencies"
      if [ "${npm_version%%.*}" -lt 7 ]; then run_npm prune --production; else run_npm prune --omit=dev; fi
    fi
  fi
  if ! needs_dev; then keep_modules; fi
}
