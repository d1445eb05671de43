#!/usr/bin/env bash
# A Go app: Debian's toolchain, modules from vendor, programs as process types; clear refusals.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

# vendored TEXT: a module in vendor that says TEXT.
vendored() {
  mkdir -p "$work/gopher/vendor/example.org/greeting"
  printf 'package greeting\n\nconst Text = "%s"\n' "$1" >"$work/gopher/vendor/example.org/greeting/greeting.go"
  printf '# example.org/greeting v1.0.0\n## explicit\nexample.org/greeting\n' >"$work/gopher/vendor/modules.txt"
}

start_server
new_app gopher
cp -r "$ROOT"/examples/go-http/. "$work/gopher"
vendored "greeting 1.0"
printf '\nrequire example.org/greeting v1.0.0\n' >>"$work/gopher/go.mod"
sed -i -e 's,^\t"fmt",&\n\t"example.org/greeting",' -e 's,"Hello from %s\\n"\, ,greeting.Text + " from %s\\n"\, ,' "$work/gopher/main.go"
mkdir "$work/gopher/job"
printf 'package main\n\nfunc main() { println("done") }\n' >"$work/gopher/job/main.go"
commit gopher "First"
push gopher
assert_order "$transcript" "-----> Go app detected" "Go 1.19." "Using the modules in vendor" "Programs in bin: hello job" "Default types for buildpack -> web"
assert_eq "$(page gopher)" "greeting 1.0 from go1.19.8" "page"
fairlead slugs:download -a gopher -o "$work/tmp/slug.tgz"
assert_lacks "$(tar tzf "$work/tmp/slug.tgz")" "go-1.19" "slug"

note "the packages that go.mod names; the toolchain comes from the cache"
sed -i 's,^module,// +heroku install .\n&,' "$work/gopher/go.mod"
vendored "greeting 2.0"
commit gopher "Second"
push gopher
assert_contains "$transcript" "go install -tags heroku ." "transcript"
assert_contains "$(page gopher)" "greeting 2.0" "page"

note "what cannot be is said in a sentence, and the app stays"
fairlead config:set -a gopher GOPROXY=off >/dev/null
printf 'require example.org/missing v1.0.0\n' >>"$work/gopher/go.mod"
git -C "$work/gopher" rm -rq vendor
commit gopher "Missing module"
if try_push gopher HEAD:main; then fail "a push with a missing module succeeded"; fi
assert_contains "$transcript" "go install . failed" "transcript"
git -C "$work/gopher" reset -q --hard HEAD~
fairlead config:set -a gopher GO_DOWNLOAD_URL=http://127.0.0.1:1 >/dev/null
sed -i 's/^go 1.19/go 1.22/' "$work/gopher/go.mod"
commit gopher "Newer Go"
if try_push gopher HEAD:main; then fail "a push with Go 1.22 succeeded"; fi
assert_contains "$transcript" "go.mod asks for Go 1.22; Debian has 1.19, and [GO_DOWNLOAD_URL] cannot be reached" "transcript"
assert_contains "$(page gopher)" "greeting 2.0" "page after the failures"
