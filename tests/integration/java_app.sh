#!/usr/bin/env bash
# A Java app: Debian's JDK builds it by the app's own Maven wrapper, the runtime is in the slug; clear refusals.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

start_server
new_app bean
cp -r "$ROOT"/examples/java-http/. "$work/bean"
# No Maven repository is needed for this one: a wrapper is whatever the app says it is.
cat >"$work/bean/mvnw" <<'TEXT'
#!/bin/sh
set -e
echo "wrapper called with $*"
mkdir -p target/classes
javac -d target/classes src/main/java/*.java
jar --create --file target/hello.jar --main-class Main -C target/classes .
TEXT
# The page tells what the virtual machine was given.
sed -i 's/Runtime.version() + /Runtime.version().feature() + " " + System.getProperty("java.home") + " " + Runtime.getRuntime().maxMemory() \/ 1048576 + /' "$work/bean/src/main/java/Main.java"
commit bean "First"
push bean
assert_order "$transcript" "-----> Java app detected" "OpenJDK 17." "wrapper called with -B" "-DskipTests clean install" "Default types for buildpack -> web"
[[ $(page bean) =~ ^Hello\ from\ Java\ 17\ /app/\.heroku/java/usr/lib/jvm/java-17-openjdk-[a-z0-9]+\ (29|30)[0-9]$ ]] || fail "the page is \"$(page bean)\""

note "the JDK comes from the cache"
sed -i 's/Hello from/Hi from/' "$work/bean/src/main/java/Main.java"
commit bean "Second"
push bean
assert_contains "$(page bean)" "Hi from Java 17" "page"

note "what cannot be is said in a sentence, and the app stays"
echo 'java.runtime.version=21' >"$work/bean/system.properties"
commit bean "Newer Java"
if try_push bean HEAD:main; then fail "a push with Java 21 succeeded"; fi
assert_contains "$transcript" "system.properties asks for Java 21, and the stack debian-12 has 17 only" "transcript"
git -C "$work/bean" reset -q --hard HEAD~
echo 'int x = "no number";' >>"$work/bean/src/main/java/Main.java"
commit bean "Broken"
if try_push bean HEAD:main; then fail "a push that does not compile succeeded"; fi
assert_contains "$transcript" "Maven failed: look at its lines above" "transcript"
git -C "$work/bean" rm -q pom.xml mvnw
touch "$work/bean/build.gradle"
commit bean "Gradle"
if try_push bean HEAD:main; then fail "a push without gradlew succeeded"; fi
assert_contains "$transcript" "there is no gradlew" "transcript"
assert_contains "$(page bean)" "Hi from Java 17" "page after the failures"
