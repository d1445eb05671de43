#!/usr/bin/env bash
# Debian packages by an Aptfile, before the buildpack of the app's language; clear refusals.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

start_server
new_app tools
write_web_app tools one
# At run time the package's program is there; while the next buildpack compiles, its headers are.
printf 'web: xmllint --version 2>version.txt; cp version.txt page.txt; exec ./web\n' >"$work/tools/Procfile"
printf '# what this app needs\nlibxml2-utils # a comment\n\nlibxml2-dev\n' >"$work/tools/Aptfile"
printf 'heroku/apt\nlooker\n' >"$work/tools/.buildpacks"
# shellcheck disable=SC2016 # for the buildpack's shell
make_buildpack looker 'pkg-config --cflags --libs libxml-2.0; echo "#include <libxml/parser.h>" | cc -fsyntax-only $(pkg-config --cflags libxml-2.0) -xc - && echo "it compiles"'
commit tools "First"
push tools
assert_order "$transcript" "-----> Apt app detected" "libxml2-utils (2." "-I/app/.apt/usr/include/libxml2" "it compiles"
assert_contains "$(page tools)" "using libxml version" "page"

note "the packages come from the cache"
echo "# again" >>"$work/tools/Aptfile"
commit tools "Second"
push tools
assert_contains "$(page tools)" "using libxml version" "page"

note "what cannot be is said in a sentence, and the app stays"
echo nosuch-package-here >>"$work/tools/Aptfile"
commit tools "Missing package"
if try_push tools HEAD:main; then fail "a push with a missing package succeeded"; fi
assert_order "$transcript" "Unable to locate package nosuch-package-here" "cannot be had from Debian's mirror"
printf 'curl; rm -rf /\n' >"$work/tools/Aptfile"
commit tools "No package"
if try_push tools HEAD:main; then fail "a push with nonsense in its Aptfile succeeded"; fi
assert_contains "$transcript" "line 1 of the Aptfile is neither a package, a URL of a .deb file nor a :repo: line" "transcript"
