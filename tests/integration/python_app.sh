#!/usr/bin/env bash
# A Python app: Debian's Python, packages by pip from wheels in the tree, kept between builds; Django's static files; clear refusals.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

# make_wheel NAME VERSION TEXT: a wheel in the app's wheels folder, whose module says TEXT.
make_wheel() {
  mkdir -p "$work/snake/wheels"
  python3 - "$work/snake/wheels" "$@" <<'PYTHON'
import sys
import zipfile

folder, name, version, text = sys.argv[1:]
info = f"{name}-{version}.dist-info/"
with zipfile.ZipFile(f"{folder}/{name}-{version}-py3-none-any.whl", "w") as wheel:
    wheel.writestr(f"{name}.py", text)
    wheel.writestr(info + "METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    wheel.writestr(info + "RECORD", "".join(f"{path},,\n" for path in (f"{name}.py", info + "METADATA", info + "WHEEL", info + "RECORD")))
PYTHON
}

start_server
new_app snake
fairlead config:set -a snake SECRET_KEY=s3 >/dev/null
cp -r "$ROOT"/examples/python-http/. "$work/snake"
make_wheel greeting 1.0 'TEXT = "greeting 1.0"'
printf -- '--no-index\n--find-links wheels\ngreeting\n' >"$work/snake/requirements.txt"
sed -i -e '/^import os/a import sys, ssl, sqlite3, zlib, ctypes\nimport greeting' \
  -e 's/b"Hello.*/" ".join([greeting.TEXT, sys.version.split()[0], sys.prefix, os.environ.get("WEB_CONCURRENCY", "none")]).encode()/' "$work/snake/app.py"
commit snake "First"
push snake
assert_order "$transcript" "-----> Python app detected" "Python 3.11 is asked for in .python-version" "Installing requirements with pip" \
  "Successfully installed greeting-1.0" "Procfile declares types -> web"
[[ $(page snake) =~ ^greeting\ 1\.0\ 3\.11\.[0-9]+\ /app/\.heroku/python\ 2$ ]] || fail "the page is \"$(page snake)\""

note "another cold build of this commit makes the same slug"
fairlead apps:create twin >/dev/null
git -C "$work/snake" push -q "ssh://git@localhost:$ssh_port/twin.git" HEAD:main
for app in snake twin; do fairlead slugs:download -a "$app" -o "$work/tmp/$app.tgz"; done
assert_eq "$(sha256sum <"$work/tmp/twin.tgz")" "$(sha256sum <"$work/tmp/snake.tgz")" "digest of the second app's slug"

note "nothing changed but the code: pip is not asked"
echo "# more" >>"$work/snake/app.py"
commit snake "Code"
push snake
assert_contains "$transcript" "Restoring the packages of the last build" "second push"
assert_lacks "$transcript" "Successfully installed" "second push"
assert_contains "$(page snake)" "greeting 1.0" "page"

note "another wheel is another environment; manage.py with Django collects its static files"
make_wheel greeting 2.0 'TEXT = "greeting 2.0"'
make_wheel django 9.0 ''
echo django >>"$work/snake/requirements.txt"
printf 'import sys, os\nprint("collected for", sys.argv[1], os.environ["SECRET_KEY"])\n' >"$work/snake/manage.py"
commit snake "Packages"
push snake
assert_order "$transcript" "Successfully installed" "manage.py collectstatic" "collected for collectstatic s3"
assert_contains "$(page snake)" "greeting 2.0" "page"
note "what cannot be is said in a sentence, and the app stays"
echo nosuch-package >>"$work/snake/requirements.txt"
commit snake "Missing package"
if try_push snake HEAD:main; then fail "a push with a missing package succeeded"; fi
assert_contains "$transcript" "pip could not install what requirements.txt says" "transcript"
git -C "$work/snake" reset -q --hard HEAD~
echo 3.13 >"$work/snake/.python-version"
commit snake "Newer Python"
if try_push snake HEAD:main; then fail "a push with Python 3.13 succeeded"; fi
assert_contains "$transcript" ".python-version asks for Python 3.13, and the stack debian-12 has 3.11 only" "transcript"
git -C "$work/snake" rm -q --cached requirements.txt
rm "$work/snake/requirements.txt" "$work/snake/.python-version"
touch "$work/snake/poetry.lock"
commit snake "Poetry"
if try_push snake HEAD:main; then fail "a push with a poetry.lock only succeeded"; fi
assert_contains "$transcript" "poetry export" "transcript"
assert_contains "$(page snake)" "greeting 2.0" "page after the failures"
