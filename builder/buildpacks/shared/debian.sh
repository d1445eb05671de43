# shellcheck shell=bash
# Debian's packages for an app, unpacked without root: what the run image lacks of them and of all that they need. Needs $cache, $buildpack
# and output.sh.

debian_work=/tmp/debian-packages # one build's buildpacks share its lists
debian_arch=$(dpkg --print-architecture)
case $debian_arch in
  amd64) debian_triplet=x86_64-linux-gnu ;;
  arm64) debian_triplet=aarch64-linux-gnu ;;
  *) debian_triplet=$(uname -m)-linux-gnu ;;
esac

# debian_apt WORDS...: apt-get with lists and archives of its own and the run image's packages as those installed. $debian_sources may name a
# folder of further lists.
debian_apt() {
  apt-get -o Dir::State="$debian_work/state" -o Dir::State::status="$debian_work/status" -o Dir::Cache="$debian_work/cache" \
    -o Dir::Etc::SourceParts="${debian_sources:-/etc/apt/sources.list.d}" -o Debug::NoLocking=true -o APT::Sandbox::User= \
    -o APT::Install-Recommends=false -o Acquire::Languages=none -o Acquire::Retries=2 -o Acquire::http::Timeout=30 \
    -o Dpkg::Use-Pty=false "$@"
}

# debian_status PACKAGES...: takes the run image's packages as installed, and those named as well, NAME or NAME=VERSION.
debian_status() {
  local name version
  mkdir -p "$debian_work/state/lists/partial" "$debian_work/cache/archives/partial"
  # A stack made elsewhere does not say what its run image has: then it is what no Debian lacks, whatever that depends on.
  cp /usr/share/stack/run-packages "$debian_work/status" 2>/dev/null ||
    awk -v RS= -v ORS='\n\n' '/\nPriority: required\n/ || /\nEssential: yes\n/ || /^Package: lib(c6|gcc-s1|stdc\+\+6|ssl3)\n/' \
      /var/lib/dpkg/status | grep -Ev '^(Pre-)?Depends:' > "$debian_work/status"
  for name; do
    version=99:0
    if [[ $name == *=* ]]; then version=${name#*=}; fi
    printf 'Package: %s\nStatus: install ok installed\nVersion: %s\nArchitecture: %s\nMaintainer: none\nDescription: none\n\n' \
      "${name%%=*}" "$version" "$debian_arch" >> "$debian_work/status"
  done
}

# Package lists are read once a build.
debian_update() {
  local key
  key=$(cat /etc/apt/sources.list "${debian_sources:-/etc/apt/sources.list.d}"/* 2>/dev/null | sha256sum | cut -d ' ' -f 1)
  [ ! -f "$debian_work/updated-$key" ] || return 0
  if ! debian_apt update -qq --error-on=any > "$debian_work/said" 2>&1; then
    indent < "$debian_work/said"
    return 1
  fi
  touch "$debian_work/updated-$key"
}

# debian_plan PACKAGES...: writes $debian_work/plan, a line "URL FILE HASH" for each package to fetch, in a fixed order.
debian_plan() {
  : > "$debian_work/plan"
  [ $# -gt 0 ] || return 0
  debian_update || return 1
  if ! debian_apt install -qq --print-uris "$@" > "$debian_work/uris" 2> "$debian_work/said"; then
    grep '^E:' "$debian_work/said" | sed 's/^E: //' | indent
    return 1
  fi
  sed -n "s/^'\([^']*\)' \([^ ]*\) [0-9]* \(.*\)$/\1 \2 \3/p" "$debian_work/uris" | LC_ALL=C sort -k 2 > "$debian_work/plan"
}

# debian_unpack FOLDER FILES...: packages into a folder laid out like a root file system; documents stay out.
debian_unpack() {
  local folder=$1 file name
  shift
  mkdir -p "$folder/usr"
  for name in bin sbin lib lib64; do
    [ -e "$folder/$name" ] || { mkdir -p "$folder/usr/$name" && ln -s "usr/$name" "$folder/$name"; }
  done
  for file; do
    dpkg-deb --fsys-tarfile "$file" | tar -x -C "$folder" --keep-directory-symlink --no-same-owner --no-same-permissions --delay-directory-restore \
      --wildcards --exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' --exclude='./usr/share/info/*' --exclude='./usr/share/locale/*' \
      --exclude='./usr/share/lintian/*' --exclude='./usr/share/bug/*' --exclude='./lib/systemd/*' --exclude='./etc/init.d/*'
  done
  chmod -R u+rwX "$folder"
  debian_relink "$folder"
}

# Links to absolute paths that were unpacked too become relative ones.
debian_relink() {
  local folder=$1 link target
  find "$folder" -type l -lname '/*' -print0 | while IFS= read -r -d '' link; do
    target=$(readlink "$link")
    if [ -e "$folder$target" ] || [ -L "$folder$target" ]; then ln -sfnr "$folder$target" "$link"; fi
  done
}

debian_download() { debian_apt install -qq --download-only "$@" > "$debian_work/said" 2>&1; }

# debian_runtime NAME FOLDER PACKAGES...: fills FOLDER with the packages and what they need; kept in the cache as one file, since the platform
# copies it for each build. Once a day the lists are asked for newer ones. $debian_assumed names packages that are taken as installed, the array
# debian_files packages that are at hand and are unpacked as well. Where a function finish_NAME is, it is called with the unpacked folder before
# it is kept. FOLDER/.packages says what it holds.
debian_files=()
debian_runtime() {
  local name=$1 folder=$2 kept=$cache/debian key plan_key packed
  shift 2
  mkdir -p "$kept"
  plan_key="$debian_arch $STACK $* - ${debian_assumed:-} ${debian_files[*]##*/} $(debian_circumstances | sha256sum | cut -c 1-16)"
  if ! debian_is_fresh "$kept/$name.plan" "$plan_key"; then
    # shellcheck disable=SC2086 # words
    debian_status ${debian_assumed:-}
    if debian_plan "$@"; then
      { echo "$plan_key" && cat "$debian_work/plan"; } > "$kept/$name.plan"
    elif [ "$(head -n 1 "$kept/$name.plan" 2>/dev/null)" = "$plan_key" ]; then
      warn "Debian's mirror cannot be reached: staying with the packages of the last build"
    else
      fail "the packages $* cannot be had from Debian's mirror: look at the lines above, and at the apt sources of this machine's stack"
    fi
  fi
  key=$({ echo "$plan_key" && cut -d ' ' -f 2- "$kept/$name.plan"; } | sha256sum | cut -c 1-16)
  packed=$kept/$name-$key.tar.zst
  if [ ! -f "$packed" ]; then
    rm -f "$kept/$name"-*.tar.zst
    debian_make "$name" "$packed" "$@"
  fi
  rm -rf "${folder:?}"
  mkdir -p "$folder"
  tar -x --zstd -f "$packed" -C "$folder"
}

# What a runtime depends on beside its packages' names.
debian_circumstances() {
  cat /etc/apt/sources.list "${debian_sources:-/etc/apt/sources.list.d}"/* /usr/share/stack/run-packages "$buildpack"/lib/*.sh 2>/dev/null || true
}

# A plan is good for a day, while its packages are at hand.
debian_is_fresh() {
  local kept=("${1%.plan}"-*.tar.zst)
  [ -f "$1" ] && [ "$(head -n 1 "$1")" = "$2" ] && [ -f "${kept[0]}" ] && [ -n "$(find "$1" -mmin -1440)" ]
}

# debian_make NAME FILE PACKAGES...: downloads, unpacks and packs a runtime.
debian_make() {
  local name=$1 packed=$2 work=$debian_work/root file files=()
  shift 2
  [ $# = 0 ] || debian_download "$@" || {
    indent < "$debian_work/said"
    fail "downloading packages from Debian's mirror failed"
  }
  while read -r _ file _; do
    # Debian writes a version's colon as %3a in the names of its files.
    files+=("$debian_work/cache/archives/$file")
  done < "$debian_work/plan"
  rm -rf "$work"
  debian_unpack "$work" "${files[@]}" "${debian_files[@]}"
  cut -d ' ' -f 2 "$debian_work/plan" | sed 's/_[^_]*\.deb$//; s/_/ /; s/%3a/:/' > "$work/.packages"
  if declare -F "finish_$name" > /dev/null; then "finish_$name" "$work"; fi
  find "$work" -depth -type d -empty -delete
  tar -c -C "$work" --sort=name . | zstd -q -3 -T0 -o "$packed.new"
  mv "$packed.new" "$packed"
  rm -rf "$work"
  ((${#files[@]} == 0)) || rm -f "${files[@]}"
}

# debian_version FOLDER PACKAGE: its upstream version, for people.
debian_version() { sed -n "s/^$2 \([0-9]*:\)\?\([^-+~]*\).*/\2/p" "$1/.packages"; }

# debian_library_path FOLDER: where a program finds the libraries of a runtime.
debian_library_path() { echo "$1/usr/lib/$debian_triplet:$1/usr/lib"; }
