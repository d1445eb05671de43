# shellcheck shell=bash
# Which Go, and where it comes from.

# directive NAME: the words of a "// +heroku NAME ..." line in go.mod.
directive() { sed -n "s,^//[[:space:]]*+heroku[[:space:]]\+$1[[:space:]]\+,,p" go.mod | head -n 1; }

# The version that the module asks for, without "go"; may be empty.
wanted_go() {
  local wanted
  wanted=${GOVERSION:-$(directive goVersion)}
  [ -n "$wanted" ] || wanted=$(sed -n 's/^toolchain[[:space:]]\+\(go[0-9][^[:space:]]*\).*/\1/p' go.mod | head -n 1)
  [ -n "$wanted" ] || wanted=$(sed -n 's/^go[[:space:]]\+\([0-9][^[:space:]]*\).*/\1/p' go.mod | head -n 1)
  echo "${wanted#go}"
}

# The release of Debian's mirror.
debian_go() {
  local found
  found=$(sed -n '/^Package: golang-go$/,/^$/s/^Version: [0-9]*:\([0-9]*\.[0-9]*\).*/\1/p' /var/lib/dpkg/status)
  echo "${found:-1.19}"
}

install_go() {
  local wanted debian
  wanted=$(wanted_go)
  debian=$(debian_go)
  [[ -z $wanted || $wanted =~ ^[0-9]+\.[0-9]+([.a-z][0-9a-z.]*)?$ ]] || fail "\"$wanted\" is no version of Go: write one like 1.19"
  if [ -z "$wanted" ] || [ "$(printf '%s\n' "$(cut -d . -f 1,2 <<< "$wanted")" "$debian" | sort -V | tail -n 1)" = "$debian" ]; then
    debian_assumed="ca-certificates" debian_runtime go /tmp/go-debian "golang-$debian-go" "golang-$debian-src"
    export GOROOT="/tmp/go-debian/usr/lib/go-$debian"
  else
    fetch_go "$wanted" "$debian"
    export GOROOT=/tmp/go-upstream/go
  fi
  export PATH="$GOROOT/bin:$PATH" GOTOOLCHAIN=local
  go_version=$(go env GOVERSION)
  report go go_version "${go_version#go}" go_version_asked "$wanted"
  detail "Go ${go_version#go}${wanted:+, for $wanted of go.mod}"
}

# Called by debian_runtime before the packages are kept: tests of the library are half of it.
finish_go() {
  find "$1/usr/share" -type d -name testdata -prune -exec rm -rf {} +
  find "$1/usr/share" -name '*_test.go' -delete
  rm -rf "$1"/usr/share/go-*/test "$1"/usr/share/go-*/api "$1"/usr/lib/go-*/test "$1"/usr/lib/go-*/api
}

# fetch_go WANTED DEBIAN: Go's own build of it; of 1.22 the newest 1.22.x.
fetch_go() {
  local wanted=$1 site=${GO_DOWNLOAD_URL:-https://go.dev/dl} found name sum kept
  site=${site%/}
  kept=("$cache/go-$wanted-"*.tar.gz)
  if [ ! -f "${kept[0]}" ] || { [[ ! $wanted =~ \..*\. ]] && [ -z "$(find "${kept[0]}" -mmin -1440)" ]; }; then
    if curl -fsSL --retry 2 --connect-timeout 20 --max-time 60 -o /tmp/go.json "$site/?mode=json&include=all" 2> /dev/null; then
      found=$(jq -r --arg wanted "go$wanted" --arg arch "$debian_arch" '[.[] | select(.version == $wanted or (.version | startswith($wanted + "."))) | .files[] |
        select(.os == "linux" and .arch == $arch and .kind == "archive")][0] | "\(.filename) \(.sha256)"' /tmp/go.json)
      read -r name sum <<< "$found"
      [ "$name" != null ] || fail "there is no Go $wanted at $site"
      download_go "$site/$name" "$sum" "$cache/go-$wanted-$sum.tar.gz"
      kept=("$cache/go-$wanted-$sum.tar.gz")
    elif [ ! -f "${kept[0]}" ]; then
      fail "go.mod asks for Go $wanted; Debian has $2, and $site cannot be reached (another place: GO_DOWNLOAD_URL, set for the server)"
    fi
  fi
  mkdir -p /tmp/go-upstream
  tar -xzf "${kept[0]}" -C /tmp/go-upstream --no-same-owner
}

# download_go URL SHA256 FILE
download_go() {
  [ ! -f "$3" ] || return 0
  detail "Downloading $1"
  curl -fsSL --retry 2 --connect-timeout 30 --max-time 600 -o /tmp/go.tar.gz "$1" || fail "downloading $1 failed"
  [ "$(sha256sum /tmp/go.tar.gz | cut -d ' ' -f 1)" = "$2" ] || fail "the checksum of $1 is wrong"
  rm -f "$cache"/go-*.tar.gz
  mv /tmp/go.tar.gz "$3"
}
