# shellcheck shell=bash
# Scripts, and node_modules kept between builds.

# Reads package.json once: each jq costs more than all questions together.
read_scripts() {
  scripts=$(jq -r '.scripts // {} | objects | to_entries[] | select(.value | strings | length > 0) | .key' package.json)
}

has_script() { [[ $'\n'$scripts$'\n' == *$'\n'"$1"$'\n'* ]]; }

run_script() {
  detail "Running $1"
  $manager run "$1" 2>&1 | indent || fail "the script $1 of package.json failed"
}

# Whether node_modules depends on nothing but the fingerprint: scripts of the app's own and links to its folders may make more than node_modules.
is_reusable() {
  [ -n "$lock" ] || return 1
  if [ "$manager" = npm ]; then
    ! grep -q '"link": *true' "$lock" || return 1
  else
    ! grep -Eq '(file|link|workspace|portal):' "$lock" || return 1
    [ ! -f pnpm-workspace.yaml ] || return 1
  fi
  jq -e '(.workspaces | not) and ([.scripts // {} | keys[] |
    select(IN("preinstall", "install", "postinstall", "prepublish", "preprepare", "prepare", "postprepare", "dependencies"))] | length == 0)' \
    package.json >/dev/null
}

fingerprint() {
  {
    echo "2 $STACK $(uname -m) $node_version $npm_version $manager ${manager_version:-} $NODE_ENV $keep_dev $install_dev"
    jq -S 'del(.scripts, .version, .description, .author, .license, .keywords, .repository, .main)' package.json
    cat "$lock"
    for file in .npmrc .yarnrc .pnpmfile.cjs; do [ ! -f $file ] || cat $file; done
    env | grep -i -e '^npm_config_' -e '^yarn_' -e '^pnpm_' | grep -v -e '^npm_config_cache=' | sort || true
  } | sha256sum | cut -d ' ' -f 1
}

needs_dev() { has_script heroku-prebuild || has_script heroku-postbuild || has_script build; }

# NPM_CONFIG_PRODUCTION=true and YARN_PRODUCTION=true leave development dependencies out from the start, =false keeps them to the end, and so does
# PNPM_SKIP_PRUNING=true: Heroku's words.
choose_dev() {
  local switch=${NPM_CONFIG_PRODUCTION:-}
  if [ "$manager" = yarn ]; then switch=${YARN_PRODUCTION:-$switch}; fi
  if [ "$manager" = pnpm ] && [ "${PNPM_SKIP_PRUNING:-}" = true ]; then switch=false; fi
  keep_dev=no install_dev=include
  if [ "$NODE_ENV" != production ] || [ "$switch" = false ]; then keep_dev=yes; fi
  if [ "$switch" = true ]; then install_dev=omit; fi
  has_dev=$(jq -r '(.devDependencies // {}) | length > 0' package.json)
  unset NPM_CONFIG_PRODUCTION YARN_PRODUCTION
}

install_dependencies() {
  choose_dev
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
  else
    warn "There is no lock file ($(lock_name)): versions may change from build to build"
  fi
  install_modules $install_dev
  keep_downloads
  # What a build script still needs is kept with development dependencies, else the pruned result is.
  if needs_dev; then keep_modules; fi
}

lock_name() {
  case $manager in
    yarn) echo yarn.lock ;;
    pnpm) echo pnpm-lock.yaml ;;
    npm) echo package-lock.json ;;
  esac
}

keep_downloads() {
  local limit_kb=512000 name folders=()
  rm -f "$cache/npm.tar"
  for name in npm-cache yarn-cache; do
    if [ -d "/tmp/$name" ]; then folders+=("$name"); fi
  done
  [ ${#folders[@]} -gt 0 ] || return 0
  if [ "$(cd /tmp && du -skc "${folders[@]}" | tail -n 1 | cut -f 1)" -lt $limit_kb ]; then
    tar -cf "$cache/npm.tar" -C /tmp "${folders[@]}"
  fi
}

keep_modules() {
  if [ -z "$kept" ] || [ "$restored" = yes ] || [ ! -d node_modules ]; then return 0; fi
  tar -cf "$kept.new" node_modules
  mv "$kept.new" "$kept"
}

prune_dependencies() {
  if needs_dev || [ "$restored" = no ]; then
    if [ "$keep_dev" = no ] && [ "$install_dev" = include ] && [ "$has_dev" = true ] && [ -d node_modules ]; then
      step "Pruning devDependencies"
      prune_modules
    fi
  fi
  if ! needs_dev; then keep_modules; fi
}
