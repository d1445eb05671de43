# shellcheck shell=bash
# What composer.json asks for, and Composer.

# read_composer_files: sets $extensions, $wanted_php and $has_packages.
read_composer_files() {
  local problem files=()
  extensions='' wanted_php='' has_packages=''
  [ -f composer.json ] || return 0
  [ -s composer.json ] || {
    rm composer.json
    return 0
  }
  files+=(composer.json)
  if [ -f composer.lock ]; then files+=(composer.lock); fi
  for file in "${files[@]}"; do
    problem=$(jq empty "$file" 2>&1) || fail "$file is not valid JSON: ${problem#jq: }"
  done
  wanted_php=$(jq -r '.config.platform.php // .require.php // "" | strings' composer.json)
  extensions=$(jq -r '[(.require // {}), ((.packages // [])[] | .require // {}), (."platform" // {})] | map(objects | keys[]) | .[] |
    select(startswith("ext-")) | ltrimstr("ext-") | gsub("-"; "_") | ascii_downcase' "${files[@]}" | sort -u | tr '\n' ' ')
  has_packages=$(jq -r '[.require // {} | keys[] | select(. != "php" and (startswith("ext-") | not))] | if length > 0 then "yes" else "" end' composer.json)
  if [ -n "$has_packages" ] && [ ! -f composer.lock ]; then
    fail "composer.json requires packages and there is no composer.lock: run \"composer update\" and commit it"
  fi
}

# Only what is surely wrong is refused here; Composer knows the rest.
check_php_version() {
  local major minor pattern='^[~= ^]*([0-9]+)[.]([0-9]+)'
  [[ $wanted_php =~ $pattern ]] || return 0
  major=${BASH_REMATCH[1]} minor=${BASH_REMATCH[2]}
  case $wanted_php in
    *'|'* | *'>'* | *'<'* | *' - '*) return 0 ;;
  esac
  if [ "$major" != "${1%%.*}" ] || [ "$minor" -gt "${1#*.}" ]; then
    fail "composer.json asks for PHP $wanted_php, and the stack $STACK has $1 only: ask for \"^$1\", or choose another buildpack with BUILDPACK_URL"
  fi
}

install_dependencies() {
  local flags=(--no-interaction --no-progress --prefer-dist --optimize-autoloader) key kept
  [ "${COMPOSER_NO_DEV:-1}" = 0 ] || flags+=(--no-dev)
  export COMPOSER_HOME=/tmp/composer-home COMPOSER_CACHE_DIR=/tmp/composer-cache COMPOSER_ALLOW_SUPERUSER=1 COMPOSER_MEMORY_LIMIT=${COMPOSER_MEMORY_LIMIT:--1}
  mkdir -p "$COMPOSER_HOME" "$COMPOSER_CACHE_DIR"
  if [ -n "${COMPOSER_MIRROR_URL:-}" ]; then
    jq -n --arg url "$COMPOSER_MIRROR_URL" '{repositories: {packagist: {type: "composer", url: $url}}}' > "$COMPOSER_HOME/config.json"
  fi
  install_composer
  key=$({ cat composer.json composer.lock && cat .heroku/php/.packages && echo "$STACK ${flags[*]}"; } | sha256sum | cut -c 1-16)
  kept=$cache/composer-$key.tar.zst
  if [ -f "$kept" ]; then
    detail "Restoring vendor: composer.lock has not changed"
    tar -x --zstd -f "$kept" -C "$build"
  fi
  run_composer install "${flags[@]}"
  if [ ! -f "$kept" ] && [ -d vendor ]; then
    rm -f "$cache"/composer-*.tar.zst
    tar -c --sort=name vendor | zstd -q -3 -T0 -o "$kept.new"
    mv "$kept.new" "$kept"
  fi
  if jq -e '.scripts.compile' composer.json > /dev/null; then
    step "Running the script compile of composer.json"
    run_composer run-script --no-dev compile
  fi
}

# The app's own, or Debian's, which needs nothing but the PHP that is here.
install_composer() {
  if [ -f composer.phar ]; then
    composer=(php -d memory_limit=-1 "$build/composer.phar")
  else
    debian_assumed="php-cli php-common php-json php-mbstring php-intl php-xml php-curl php-zip unzip ca-certificates" \
      debian_runtime composer /tmp/composer composer
    composer=(php -d memory_limit=-1 -d include_path=.:/tmp/composer/usr/share/php /tmp/composer/usr/bin/composer)
  fi
}

# Debian's keeps its libraries where PHP's own path leads.
finish_composer() {
  grep -rlI --include='*' "/usr/share/php" "$1/usr/share" "$1/usr/bin" 2> /dev/null |
    xargs -r sed -i "s,\(['\"]\)/usr/share/php,\1/tmp/composer/usr/share/php,g" || true
}

run_composer() {
  "${composer[@]}" "$@" 2>&1 | indent || fail "composer $1 failed: look at its lines above"
}
