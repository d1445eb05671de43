# shellcheck shell=bash
# Which package manager an app uses, where it comes from, and its words for installing and pruning. Needs binaries.sh.

# choose_manager: sets $manager (npm, yarn, pnpm), $lock (its lock file or nothing) and $manager_range. Two lock files of different managers are an
# error: one of them is surely old.
choose_manager() {
  local field named='' found=() name newer='^[~=v ^]*[2-9]'
  for name in npm-shrinkwrap.json package-lock.json yarn.lock pnpm-lock.yaml; do
    if [ -f "$name" ]; then found+=("$name"); fi
  done
  if [ ${#found[@]} -gt 1 ] && [ "${found[*]}" != "npm-shrinkwrap.json package-lock.json" ]; then
    fail "there are lock files of several package managers (${found[*]}): delete those that you do not use, with git rm, and commit"
  fi
  lock=${found[0]:-}
  field=$(jq -r '.packageManager // "" | strings' package.json)
  if [ -n "$field" ]; then named=${field%%@*}; fi
  case $lock in
    yarn.lock) manager=yarn ;;
    pnpm-lock.yaml) manager=pnpm ;;
    ?*) manager=npm ;;
    *) manager=${named:-npm} ;;
  esac
  case $manager in
    npm | yarn | pnpm) ;;
    *) fail "the packageManager $field of package.json is not known here: npm, yarn (1.x) and pnpm are" ;;
  esac
  if [ -n "$named" ] && [ "$named" != "$manager" ]; then
    fail "package.json says packageManager $field, and $lock is of $manager: delete the one that is wrong"
  fi
  manager_range=$(jq -r --arg name "$manager" '.engines[$name] // "" | tostring' package.json)
  if [[ $field == *@* ]]; then
    manager_range=${field#*@}
    manager_range=${manager_range%%+*}
  fi
  if [ "$manager" = yarn ] && { grep -qs '^__metadata:' yarn.lock || [[ $manager_range =~ $newer ]]; }; then
    fail "this app uses Yarn 2 or newer, which this buildpack does not know: use Yarn 1, npm or pnpm, or another buildpack with BUILDPACK_URL"
  fi
}

# The version that made a lock file of this kind.
pnpm_for_lock() {
  case $(sed -n "s/^lockfileVersion: *['\"]\{0,1\}\([0-9]*\).*/\1/p" pnpm-lock.yaml 2> /dev/null) in
    5) echo 7.x ;;
    6) echo 8.x ;;
    *) echo 10.x ;;
  esac
}

# Beside npm, in the folder of Node.
install_manager() {
  local range=$manager_range program packed
  [ "$manager" != npm ] || return 0
  case $manager in
    yarn) range=${range:-1.x} program=bin/yarn.js ;;
    pnpm) range=${range:-$(pnpm_for_lock)} program=bin/pnpm.cjs ;;
  esac
  resolve "$manager" "$range"
  manager_version=$version
  packed=$cache/$manager-$manager_version.tar
  if [ ! -f "$packed" ]; then
    detail "Downloading and installing $manager $manager_version"
    rm -rf /tmp/manager "$cache"/yarn-*.tar "$cache"/pnpm-*.tar
    download "$manager" "/tmp/manager/lib/node_modules/$manager"
    tar -cf "$packed.new" -C /tmp/manager .
    mv "$packed.new" "$packed"
    rm -rf /tmp/manager
  else
    detail "Using $manager $manager_version"
  fi
  tar -xf "$packed" -C .heroku/node
  chmod +x ".heroku/node/lib/node_modules/$manager/$program"
  ln -sf "../lib/node_modules/$manager/$program" ".heroku/node/bin/$manager"
  export YARN_CACHE_FOLDER=/tmp/yarn-cache npm_config_store_dir=/tmp/pnpm-store CI=${CI:-true}
}

# Yarn fetches from where its lock file says; an operator's registry takes that place.
with_registry() {
  if [ "$manager" != yarn ] || [ "$registry" = "$default_registry" ] || [ ! -f yarn.lock ]; then
    "$@"
    return
  fi
  local status=0
  cp yarn.lock /tmp/yarn.lock
  sed -i "s,https://registry\.\(yarnpkg\.com\|npmjs\.org\)/,$registry/,g" yarn.lock
  "$@" || status=$?
  cp /tmp/yarn.lock yarn.lock
  return $status
}

run_manager() {
  $manager "$@" 2>&1 | indent || fail "$manager $1 failed: look at its lines above"
}

# install_modules include|omit: by the lock file, when there is one, else by package.json alone.
install_modules() {
  local dev=$1 flags=()
  case $manager in
    yarn)
      flags=(--ignore-engines --non-interactive)
      if [ -n "$lock" ]; then flags+=(--frozen-lockfile); else flags+=(--no-lockfile); fi
      if [ "$dev" = omit ]; then flags+=(--production=true); else flags+=(--production=false); fi
      with_registry run_manager install "${flags[@]}"
      ;;
    pnpm)
      if [ -n "$lock" ]; then flags+=(--frozen-lockfile); else flags+=(--no-lockfile); fi
      if [ "$dev" = omit ]; then flags+=(--prod); else flags+=(--prod=false); fi
      run_manager install "${flags[@]}"
      ;;
    npm)
      if [ "${npm_version%%.*}" -ge 7 ]; then
        flags=("--$dev=dev")
      elif [ "$dev" = omit ]; then
        flags=(--only=production)
      else
        flags=(--only=)
        export NPM_CONFIG_PRODUCTION=false
      fi
      if [ -n "$lock" ]; then run_manager ci "${flags[@]}"; else run_manager install "${flags[@]}" --no-package-lock; fi
      ;;
  esac
}

prune_modules() {
  case $manager in
    yarn) with_registry run_manager install --ignore-engines --non-interactive --ignore-scripts --prefer-offline --production=true \
      "$([ -n "$lock" ] && echo --frozen-lockfile || echo --no-lockfile)" ;;
    pnpm) run_manager prune --prod --config.confirmModulesPurge=false ;;
    npm) if [ "${npm_version%%.*}" -lt 7 ]; then run_manager prune --production; else run_manager prune --omit=dev; fi ;;
  esac
}
