# shellcheck shell=bash
# What an Aptfile asks for, and where it goes.

# read_aptfile: sets the arrays packages and urls, and writes the :repo: lines where apt finds them.
read_aptfile() {
  local line number=0
  packages=() urls=()
  debian_sources=/tmp/debian-packages/lists-of-aptfile
  mkdir -p "$debian_sources"
  cp /etc/apt/sources.list.d/* "$debian_sources/" 2> /dev/null || true
  rm -f "$debian_sources/aptfile.list"
  while IFS= read -r line || [ -n "$line" ]; do
    number=$((number + 1))
    line=${line%%#*}
    line=$(xargs -r <<< "${line//[\'\"\\]/}")
    case $line in
      '') ;;
      :repo:*) echo "${line#:repo:}" >> "$debian_sources/aptfile.list" ;;
      http://*.deb | https://*.deb) urls+=("$line") ;;
      *)
        # Several on a line, as apt-get takes them.
        for word in $line; do
          [[ $word =~ ^[a-z0-9][a-z0-9.+-]+(:[a-z0-9]+)?([=/][A-Za-z0-9.+:~-]+)?$ ]] ||
            fail "line $number of the Aptfile is neither a package, a URL of a .deb file nor a :repo: line: $line"
          packages+=("$word")
        done
        ;;
    esac
  done < Aptfile
}

# Packages by URL are fetched once.
fetch_files() {
  local url file folder=$cache/debian/files wanted=()
  mkdir -p "$folder"
  for url in "${urls[@]}"; do
    file=$folder/$(sha256sum <<< "$url" | cut -c 1-16)_$(basename "$url")
    wanted+=("$file")
    [ ! -f "$file" ] || continue
    detail "Fetching $url"
    curl -fsSL --retry 2 --connect-timeout 30 --max-time 600 -o "$file.new" "$url" || fail "$url of the Aptfile cannot be fetched"
    dpkg-deb --info "$file.new" > /dev/null 2>&1 || fail "$url of the Aptfile is no Debian package"
    mv "$file.new" "$file"
  done
  for file in "$folder"/*; do
    [[ " ${wanted[*]} " == *" $file "* ]] || rm -f "$file"
  done
  debian_files=("${wanted[@]}")
}

install_packages() {
  debian_runtime apt .apt "${packages[@]}"
  sed 's/ / (/; s/$/)/' .apt/.packages | indent
  # Where the packages' files say where they are, they mean this place; it is the same at run time.
  if [ ! "$build" -ef /app ]; then
    rm -rf /app/.apt
    ln -s "$build/.apt" /app/.apt
  fi
  find .apt -path '*/pkgconfig/*.pc' -type f -exec sed -i 's,^\([a-z_]*\)=/usr,\1=/app/.apt/usr,' {} +
}

# environment HOME: the lines of a shell that make the packages seen.
environment() {
  local usr="$1/.apt/usr"
  cat << LINES
export PATH="$usr/bin:$usr/sbin:$usr/games:\$PATH"
export LD_LIBRARY_PATH="$usr/lib/$debian_triplet:$usr/lib\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}"
export LIBRARY_PATH="$usr/lib/$debian_triplet:$usr/lib\${LIBRARY_PATH:+:\$LIBRARY_PATH}"
export INCLUDE_PATH="$usr/include:$usr/include/$debian_triplet\${INCLUDE_PATH:+:\$INCLUDE_PATH}"
export CPATH="\$INCLUDE_PATH" CPPATH="\$INCLUDE_PATH"
export PKG_CONFIG_PATH="$usr/lib/$debian_triplet/pkgconfig:$usr/lib/pkgconfig:$usr/share/pkgconfig\${PKG_CONFIG_PATH:+:\$PKG_CONFIG_PATH}"
LINES
}

write_profile() {
  mkdir -p .profile.d
  # shellcheck disable=SC2016 # the home of run time
  environment '$HOME' > .profile.d/000_apt.sh
  environment /app > "$buildpack/export"
}
