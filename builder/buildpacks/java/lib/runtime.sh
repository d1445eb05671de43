# shellcheck shell=bash
# Debian's OpenJDK: the whole for the build, the runtime for the slug. Needs debian.sh.

java_release() {
  local found
  found=$(debian_java)
  echo "${found:-17}"
}

# The stack's Debian says which is its default.
debian_java() {
  case $(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release) in
    bookworm) echo 17 ;;
    trixie) echo 21 ;;
    bullseye) echo 11 ;;
  esac
}

check_java_version() {
  local wanted
  [ -f system.properties ] || return 0
  wanted=$(sed -n 's/^[[:space:]]*java\.runtime\.version[[:space:]]*[=:][[:space:]]*\([^[:space:]]*\).*/\1/p' system.properties | tail -n 1)
  wanted=${wanted#*-}
  [ -n "$wanted" ] || return 0
  if [ "${wanted%%.*}" != "$java_release" ]; then
    fail "system.properties asks for Java $wanted, and the stack $STACK has $java_release only: write java.runtime.version=$java_release, or choose another buildpack with BUILDPACK_URL"
  fi
}

install_java() {
  local home
  java_release=$(java_release)
  check_java_version
  java_folder=usr/lib/jvm/java-$java_release-openjdk-$debian_arch
  # Nothing of what sets Debian up as a system with Java; the desktop's libraries neither.
  debian_assumed="ca-certificates-java java-common" debian_runtime jre .heroku/java "openjdk-$java_release-jre-headless"
  debian_assumed="ca-certificates-java java-common $(sed -n "s/^\(openjdk-$java_release-jre-headless\) /\1=/p" .heroku/java/.packages)" \
    debian_runtime jdk /tmp/java-jdk "openjdk-$java_release-jdk-headless"
  cp -a --remove-destination .heroku/java/. /tmp/java-jdk/
  home=/tmp/java-jdk/$java_folder
  export JAVA_HOME=$home PATH="$home/bin:$PATH" LD_LIBRARY_PATH
  LD_LIBRARY_PATH=$(debian_library_path /tmp/java-jdk)
  install_trust
  report java java_version "$(debian_version .heroku/java "openjdk-$java_release-jre-headless")" tool "$([ -f pom.xml ] && echo maven || echo gradle)"
  detail "OpenJDK $(debian_version .heroku/java "openjdk-$java_release-jre-headless") from Debian"
}

# Called by debian_runtime before the packages are kept: links into /etc become the files, and what only a desktop or a developer wants goes.
finish_jre() {
  local link target root=$1
  while IFS= read -r -d '' link; do
    target=$(realpath -m "$(dirname "$link")/$(readlink "$link")")
    case $target in
      "$root"/etc/*)
        rm "$link"
        if [ -e "$target" ]; then cp -a "$target" "$link"; fi
        ;;
    esac
  done < <(find "$root/usr/lib/jvm" -type l -print0)
  find "$root/usr/lib/jvm" -xtype l -delete
  rm -rf "${root:?}/etc" "${root:?}/var" "$root"/usr/share/{applications,icons,pixmaps,doc-base,binfmts,lintian,gdb,fontconfig,fonts,xml,alsa,man}
  rm -f "$root"/usr/lib/jvm/*/lib/src.zip
  rm -f "$root"/usr/lib/jvm/.java-*
}
finish_jdk() {
  rm -rf "${1:?}/etc" "$1"/usr/share/{applications,icons,pixmaps} "$1"/usr/lib/jvm/*/{jmods,demo,man,lib/src.zip}
  find "$1/usr/lib/jvm" -xtype l -delete
}

# The stack's certificates in Java's own form, made once for each set of them.
install_trust() {
  local bundle=/etc/ssl/certs/ca-certificates.crt kept folder
  kept=$cache/java-trust-$(sha256sum $bundle | cut -c 1-16).p12
  if [ ! -f "$kept" ]; then
    rm -f "$cache"/java-trust-*
    java "$buildpack/lib/MakeTrustStore.java" $bundle "$kept" || fail "the stack's certificates cannot be read"
  fi
  for folder in .heroku/java /tmp/java-jdk; do
    rm -f "$folder/$java_folder/lib/security/cacerts"
    cp "$kept" "$folder/$java_folder/lib/security/cacerts"
  done
}

write_profile() {
  mkdir -p .profile.d
  cat > .profile.d/java.sh << PROFILE
export JAVA_HOME="\$HOME/.heroku/java/$java_folder"
export PATH="\$JAVA_HOME/bin:\$PATH"
export LD_LIBRARY_PATH="\${LD_LIBRARY_PATH:+\$LD_LIBRARY_PATH:}$(debian_library_path /app/.heroku/java)"
PROFILE
  cat "$buildpack/lib/web_concurrency.sh" "$buildpack/lib/java_options.sh" >> .profile.d/java.sh
  cat > "$buildpack/export" << EXPORT
export JAVA_HOME="$JAVA_HOME" PATH="$JAVA_HOME/bin:\$PATH"
export LD_LIBRARY_PATH="\${LD_LIBRARY_PATH:+\$LD_LIBRARY_PATH:}$(debian_library_path /tmp/java-jdk)"
EXPORT
}
