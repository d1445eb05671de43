#!/usr/bin/env bash
# A PHP app: nginx and PHP's process manager, packages by Composer from the tree, kept between builds; clear refusals.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

# A package in the tree, and the files that ask for it.
write_package() {
  mkdir -p "$work/elephant/packages/greeting/src"
  echo '{"name": "test/greeting", "version": "1.0.0", "autoload": {"files": ["src/greet.php"]}}' >"$work/elephant/packages/greeting/composer.json"
  echo '<?php function greet() { return "greeting 1.0"; }' >"$work/elephant/packages/greeting/src/greet.php"
  cat >"$work/elephant/composer.json" <<'TEXT'
{
  "name": "test/elephant",
  "repositories": [{"type": "path", "url": "packages/greeting", "options": {"symlink": false}}, {"packagist.org": false}],
  "require": {"php": "^8.1", "ext-pdo_sqlite": "*", "test/greeting": "1.0.0"},
  "scripts": {"compile": "echo compiled by a script"}
}
TEXT
  cat >"$work/elephant/composer.lock" <<'TEXT'
{
  "content-hash": "0", "minimum-stability": "stable", "stability-flags": [], "prefer-stable": false, "prefer-lowest": false, "aliases": [], "packages-dev": [], "platform-dev": [],
  "platform": {"php": "^8.1", "ext-pdo_sqlite": "*"},
  "packages": [{"name": "test/greeting", "version": "1.0.0", "type": "library", "dist": {"type": "path", "url": "packages/greeting", "reference": "1"},
    "autoload": {"files": ["src/greet.php"]}, "transport-options": {"symlink": false, "relative": true}}]
}
TEXT
}

start_server
new_app elephant
cp -r "$ROOT"/examples/php-page/. "$work/elephant"
commit elephant "First"
push elephant
assert_order "$transcript" "-----> PHP app detected" "PHP 8.2." "Default types for buildpack -> web"
[[ $(page elephant) == "Hello from PHP 8.2."* ]] || fail "the page is \"$(page elephant)\""

note "Composer's packages, an extension, a document root of its own, paths that are no file"
write_package
mkdir "$work/elephant/public"
git -C "$work/elephant" rm -q index.php
# shellcheck disable=SC2016 # PHP's
echo '<?php require "../vendor/autoload.php"; error_log("said in the log"); echo greet(), " at ", $_SERVER["REQUEST_URI"], extension_loaded("pdo_sqlite") ? " with" : " without";' >"$work/elephant/public/index.php"
echo 'a text' >"$work/elephant/public/page.txt"
commit elephant "Composer"
push elephant
assert_order "$transcript" "Installing dependencies with Composer" "Installing test/greeting" "compiled by a script"
assert_eq "$(page elephant /some/where?x=1)" "greeting 1.0 at /some/where?x=1 with" "page"
assert_eq "$(page elephant /page.txt)" "a text" "file"
assert_eq "$(page_status elephant /missing.php)" 404 "status of a script that is not there"
assert_contains "$(fairlead logs -a elephant -n 50)" "said in the log" "log"

note "nothing changed but the code: vendor comes from the cache"
echo '// more' >>"$work/elephant/public/index.php"
commit elephant "Code"
push elephant
assert_contains "$transcript" "Restoring vendor" "third push"
assert_lacks "$transcript" "Installing test/greeting" "third push"

note "what cannot be is said in a sentence, and the app stays"
sed -i 's/"php": "^8.1"/"php": "^8.4"/' "$work/elephant/composer.json"
commit elephant "Newer PHP"
if try_push elephant HEAD:main; then fail "a push with PHP 8.4 succeeded"; fi
assert_contains "$transcript" "composer.json asks for PHP ^8.4, and the stack debian-12 has 8.2 only" "transcript"
git -C "$work/elephant" reset -q --hard HEAD~
git -C "$work/elephant" rm -rq packages
commit elephant "Missing package"
fairlead config:set -a elephant COMPOSER_NO_DEV=0 >/dev/null
if try_push elephant HEAD:main; then fail "a push with a missing package succeeded"; fi
assert_contains "$transcript" "composer install failed" "transcript"
git -C "$work/elephant" rm -q composer.lock
commit elephant "No lock file"
if try_push elephant HEAD:main; then fail "a push without a lock file succeeded"; fi
assert_contains "$transcript" "there is no composer.lock" "transcript"
assert_contains "$(page elephant)" "greeting 1.0" "page after the failures"
