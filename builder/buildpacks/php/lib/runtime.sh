# shellcheck shell=bash
# Debian's PHP with settings of its own. Needs debian.sh and config_vars.sh.

php_release() {
  local found
  found=$(sed -n '/^Package: php-cli$/,/^$/s/^Version: [0-9]*:\([0-9]*\.[0-9]*\).*/\1/p' /var/lib/dpkg/status)
  echo "${found:-8.2}"
}

# Debian's package of an extension; nothing for what PHP always has.
extension_package() {
  case $1 in
    pdo_mysql | mysqli | mysqlnd) echo mysql ;;
    pdo_pgsql) echo pgsql ;;
    pdo_sqlite | sqlite3) echo sqlite3 ;;
    pdo_odbc) echo odbc ;;
    dom | simplexml | xmlreader | xmlwriter | xsl) echo xml ;;
    bcmath | bz2 | curl | dba | enchant | gd | gmp | imap | interbase | intl | ldap | mbstring | odbc | opcache | pgsql | pspell | readline | snmp | soap | tidy | xml | zip) echo "$1" ;;
    amqp | apcu | ast | ds | grpc | igbinary | imagick | mailparse | memcached | mongodb | msgpack | oauth | pcov | protobuf | redis | rrd | smbclient | ssh2 | uuid | xdebug | yaml | zmq) echo "$1" ;;
  esac
}

install_php() {
  local release extension package packages=()
  release=$(php_release)
  check_php_version "$release"
  for extension in curl mbstring opcache xml zip $extensions; do
    package=$(extension_package "$extension")
    [ -z "$package" ] || packages+=("php$release-$package")
  done
  mapfile -t packages < <(printf '%s\n' "${packages[@]}" | sort -u)
  php_release=$release
  place_runtime php
  # Their scripts arrange /etc, which is not needed here.
  debian_assumed="ca-certificates media-types mime-support php-common procps systemd-tmpfiles tzdata ucf" \
    debian_runtime php .heroku/php "php$release-fpm" "php$release-cli" "${packages[@]}"
  report php php_version "$(debian_version .heroku/php "php$release-cli")" php_version_asked "$wanted_php" extensions "${packages[*]/#php$release-/}"
  detail "PHP $(debian_version .heroku/php "php$release-cli") from Debian, with ${packages[*]/#php$release-/}"
  export LD_LIBRARY_PATH PATH="/app/.heroku/php/bin:$PATH" PHPRC=/app/.heroku/php/etc PHP_INI_SCAN_DIR=/app/.heroku/php/etc/php.d
  LD_LIBRARY_PATH=$(debian_library_path /app/.heroku/php)
  if [ -d conf/php.d ]; then PHP_INI_SCAN_DIR+=:$build/conf/php.d; fi
}

# Called by debian_runtime before the packages are kept.
finish_php() {
  local root=$1 ini name priority
  rm -rf "${root:?}/bin" "${root:?}/etc" "$root"/usr/share/{bug,doc-base,apparmor,lintian} "${root:?}/var"
  mkdir -p "$root/bin" "$root/etc/php.d"
  ln -s "../usr/bin/php$php_release" "$root/bin/php"
  ln -s "../usr/sbin/php-fpm$php_release" "$root/bin/php-fpm"
  sed 's/^;*expose_php.*/expose_php = Off/' "$root/usr/lib/php/$php_release/php.ini-production" > "$root/etc/php.ini"
  {
    echo "; where the extensions are in the app"
    echo "extension_dir = /app/.heroku/php/usr/lib/php/$(basename "$root"/usr/lib/php/20*)"
    echo "openssl.cafile = /etc/ssl/certs/ca-certificates.crt"
    echo "date.timezone = UTC"
  } > "$root/etc/php.d/00-app.ini"
  for ini in "$root"/usr/share/php"$php_release"-*/*/*.ini; do
    name=$(basename "$ini" .ini)
    priority=$(sed -n 's/^; priority=\([0-9]*\).*/\1/p' "$ini")
    cp "$ini" "$root/etc/php.d/${priority:-20}-$name.ini"
  done
}

# nginx is the run image's own.
install_web_server() {
  [ -x /usr/sbin/nginx ] || warn "The stack $STACK has no nginx: a web process must be something else than heroku-php-nginx"
  cp "$buildpack/lib/start_web.sh" .heroku/php/bin/heroku-php-nginx
  chmod +x .heroku/php/bin/heroku-php-nginx
  ln -sf heroku-php-nginx .heroku/php/bin/heroku-php-apache2
}

write_profile() {
  local name scan=/app/.heroku/php/etc/php.d
  mkdir -p .profile.d vendor/bin
  for name in heroku-php-nginx heroku-php-apache2; do
    [ -e "vendor/bin/$name" ] || ln -s "../../.heroku/php/bin/$name" "vendor/bin/$name"
  done
  if [ -d conf/php.d ]; then scan+=:/app/conf/php.d; fi
  cat > .profile.d/php.sh << PROFILE
export PATH="\$HOME/.heroku/php/bin:\$HOME/vendor/bin:\$PATH"
export LD_LIBRARY_PATH="\${LD_LIBRARY_PATH:+\$LD_LIBRARY_PATH:}$(debian_library_path /app/.heroku/php)"
export PHPRC=\${PHPRC:-/app/.heroku/php/etc} PHP_INI_SCAN_DIR=\${PHP_INI_SCAN_DIR:-$scan}
PROFILE
  # A worker may use as much as PHP lets a request use.
  {
    # shellcheck disable=SC2016 # expanded when the process starts
    echo 'WEB_MEMORY=${WEB_MEMORY:-128}'
    cat "$buildpack/lib/web_concurrency.sh"
  } > .profile.d/WEB_CONCURRENCY.sh
  cat > "$buildpack/export" << EXPORT
export PATH="/app/.heroku/php/bin:\$PATH"
export LD_LIBRARY_PATH="\${LD_LIBRARY_PATH:+\$LD_LIBRARY_PATH:}$(debian_library_path /app/.heroku/php)"
export PHPRC=/app/.heroku/php/etc PHP_INI_SCAN_DIR=$PHP_INI_SCAN_DIR
EXPORT
}
