# shellcheck shell=bash
# Maven, Gradle, and what they leave.

restore_downloads() {
  mkdir -p /tmp/java-home/m2 /tmp/java-home/gradle
  java_kept=$cache/java-downloads.tar.zst
  if [ -f "$java_kept" ]; then tar -x --zstd -f "$java_kept" -C /tmp; fi
  # Maven's wrapper and Gradle keep their own programs there, too.
  export MAVEN_USER_HOME=/tmp/java-home/m2 GRADLE_USER_HOME=/tmp/java-home/gradle
}

# Packed anew when what the build asks for has changed.
keep_downloads() {
  local limit_kb=2000000 key
  key=$(find . -path ./.heroku -prune -o -path ./target -prune -o \( -name pom.xml -o -name '*.gradle' -o -name '*.gradle.kts' -o -name '*.properties' -o -name '*.toml' \) \
    -type f -print0 | sort -z | xargs -0r sha256sum | sha256sum | cut -c 1-16)
  [ "$(cat "$cache/java-downloads.key" 2> /dev/null)" != "$key" ] || return 0
  rm -f "$java_kept" "$cache/java-downloads.key"
  if [ "$(du -sk /tmp/java-home | cut -f 1)" -lt $limit_kb ]; then
    tar -c -C /tmp --exclude='java-home/gradle/daemon' --exclude='*.lock' java-home | zstd -q -1 -T0 -o "$java_kept.new"
    mv "$java_kept.new" "$java_kept"
    echo "$key" > "$cache/java-downloads.key"
  fi
}

build_with_maven() {
  local maven options=(-B -Dstyle.color=never "-Dmaven.repo.local=/tmp/java-home/m2/repository") settings=${MAVEN_SETTINGS_PATH:-}
  if [ -z "$settings" ] && [ -f settings.xml ]; then settings=settings.xml; fi
  if [ -z "$settings" ] && [ -n "${MAVEN_MIRROR_URL:-}" ]; then
    settings=/tmp/java-home/settings.xml
    printf '<settings><mirrors><mirror><id>mirror</id><mirrorOf>*</mirrorOf><url>%s</url></mirror></mirrors></settings>\n' "$MAVEN_MIRROR_URL" > $settings
  fi
  [ -z "$settings" ] || options+=(-s "$settings")
  if [ -f mvnw ]; then
    chmod +x mvnw
    maven=./mvnw
  else
    install_maven
    maven=/tmp/maven/usr/share/maven/bin/mvn
  fi
  # shellcheck disable=SC2206 # words
  options+=(${MAVEN_CUSTOM_OPTS:--DskipTests} ${MAVEN_CUSTOM_GOALS:-clean install})
  detail "$(basename $maven) ${options[*]}"
  $maven "${options[@]}" 2>&1 | indent || fail "Maven failed: look at its lines above"
}

install_maven() {
  debian_assumed="ca-certificates-java default-jre-headless java-common openjdk-17-jre-headless" debian_runtime maven /tmp/maven maven
  detail "Maven $(debian_version /tmp/maven maven) from Debian"
}

# Called by debian_runtime before the packages are kept.
finish_maven() {
  rm -f "$1/usr/share/maven/conf"
  cp -a "$1/etc/maven" "$1/usr/share/maven/conf"
  if [ -f "$1/etc/maven/m2.conf" ]; then
    rm -f "$1/usr/share/maven/bin/m2.conf"
    cp "$1/etc/maven/m2.conf" "$1/usr/share/maven/bin/m2.conf"
  fi
  rm -rf "$1/usr/share/maven-repo"
}

build_with_gradle() {
  local task=${GRADLE_TASK:-}
  [ -f gradlew ] || fail "there is no gradlew: run \"gradle wrapper\" and commit what it makes"
  chmod +x gradlew
  if [ -z "$task" ]; then
    task="build -x test"
    if grep -qsE "(task[[:space:]]+|register\(?[[:space:]]*[\"']|create\(?[[:space:]]*[\"'])stage" build.gradle build.gradle.kts; then task=stage; fi
  fi
  detail "gradlew $task"
  # shellcheck disable=SC2086 # words
  ./gradlew --no-daemon --console=plain $task 2>&1 | indent || fail "Gradle failed: look at its lines above"
}

# The one jar that starts by itself.
find_program() {
  local jar found=()
  for jar in target/*.jar build/libs/*.jar; do
    [ -f "$jar" ] || continue
    # What an archive has more than it uses is no error.
    if unzip -p "$jar" META-INF/MANIFEST.MF 2> /dev/null | grep -q '^Main-Class:'; then found+=("$jar"); fi
  done
  if [ ${#found[@]} = 1 ]; then echo "${found[0]}" > .heroku/java/web; fi
}
