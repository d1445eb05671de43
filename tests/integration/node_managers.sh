#!/usr/bin/env bash
# Node apps by Yarn 1 and by pnpm: lock files obeyed, build scripts, development dependencies pruned, modules kept; conflicts are said clearly.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

left_pad="sha512-XI5MPzVNApjAyhQzphX8BkmKsKUxD4LdyK24iZeQGinBN9yTQT3bFlCBy/aVx2HrNcqQGsdot8ghrjyrvMCoEA=="
# Locks name a registry; both managers ask the configured one all the same.
registry=$(sed -n 's/^default_registry="\(.*\)"$/\1/p' "$ROOT/builder/buildpacks/nodejs/lib/binaries.sh")
is_number="sha512-41Cifkg6e8TylSpdtTpeLVMqvSBEVzTttHvERD741+pnZ8ANv0004MRL43QKPDlK9cGvNp6NZWZUBlbGXYxxng=="

# write_package MORE: package.json with these further fields.
write_package() {
  cat >"$work/node/package.json" <<TEXT
{
  "name": "node", "version": "1.0.0", "private": true, "engines": {"node": "22.x"}, $1
  "scripts": {"build": "node -e \"require('fs').writeFileSync('built.txt', 'built with ' + require('is-number')(1))\"", "start": "node server.js"},
  "dependencies": {"left-pad": "1.3.0"}, "devDependencies": {"is-number": "7.0.0"}
}
TEXT
}

write_yarn_lock() {
  cat >"$work/node/yarn.lock" <<TEXT
# yarn lockfile v1


is-number@7.0.0:
  version "7.0.0"
  resolved "${registry%/}/is-number/-/is-number-7.0.0.tgz#7535345b896734d5f80c4d06c50955527a14f12b"
  integrity $is_number

left-pad@1.3.0:
  version "1.3.0"
  resolved "${registry%/}/left-pad/-/left-pad-1.3.0.tgz#5b8a3a7765dfe001261dde915589e782f8c94d1e"
  integrity $left_pad
TEXT
}

write_pnpm_lock() {
  cat >"$work/node/pnpm-lock.yaml" <<TEXT
lockfileVersion: '9.0'

settings:
  autoInstallPeers: true
  excludeLinksFromLockfile: false

importers:

  .:
    dependencies:
      left-pad:
        specifier: 1.3.0
        version: 1.3.0
    devDependencies:
      is-number:
        specifier: 7.0.0
        version: 7.0.0

packages:

  is-number@7.0.0:
    resolution: {integrity: $is_number}
    engines: {node: '>=0.12.0'}

  left-pad@1.3.0:
    resolution: {integrity: $left_pad}
    deprecated: use String.prototype.padStart()

snapshots:

  is-number@7.0.0: {}

  left-pad@1.3.0: {}
TEXT
}

page_text() { page node | tr -d '\n'; }

start_server
new_app node
cat >"$work/node/server.js" <<'TEXT'
const fs = require('fs');
const dev = fs.existsSync('node_modules/is-number') ? 'with' : 'without';
const text = [require('left-pad')('x', 3), fs.readFileSync('built.txt', 'utf8'), dev, process.version.split('.')[0], process.env.WEB_CONCURRENCY, process.env.npm_config_user_agent].join(' ');
require('http').createServer((request, response) => response.end(text)).listen(process.env.PORT);
TEXT
write_package '"packageManager": "yarn@1.22.22",'
write_yarn_lock
commit node "Yarn"
push node
assert_order "$transcript" "-----> Node.js app detected" "installing yarn 1.22.22" "Installing node modules (yarn.lock)" "Running build" "Pruning devDependencies" \
  "Default types for buildpack -> web"
[[ $(page_text) == "  x built with true without v22 1 yarn/1.22.22 "* ]] || fail "the page is \"$(page_text)\""

note "nothing changed but the code: modules come from the cache"
echo '// more' >>"$work/node/server.js"
commit node "Code"
push node
assert_order "$transcript" "Using yarn 1.22.22" "Restoring node_modules: yarn.lock has not changed" "Running build"

note "lock files of two managers, or another manager's name, are an error"
write_pnpm_lock
commit node "Two lock files"
if try_push node HEAD:main; then fail "a push with two lock files succeeded"; fi
assert_contains "$transcript" "there are lock files of several package managers (yarn.lock pnpm-lock.yaml)" "transcript"
git -C "$work/node" rm -q yarn.lock
commit node "Yarn by name, pnpm by lock file"
if try_push node HEAD:main; then fail "a push with contradicting managers succeeded"; fi
assert_contains "$transcript" "package.json says packageManager yarn@1.22.22, and pnpm-lock.yaml is of pnpm" "transcript"

note "pnpm, in a version that reads the lock file; development dependencies stay on demand"
write_package ''
fairlead config:set -a node PNPM_SKIP_PRUNING=true >/dev/null
commit node "pnpm"
push node
assert_order "$transcript" "installing pnpm 10." "Installing node modules (pnpm-lock.yaml)" "Running build"
assert_lacks "$transcript" "Pruning" "push with PNPM_SKIP_PRUNING"
[[ $(page_text) == "  x built with true with v22 1 pnpm/10."* ]] || fail "the page is \"$(page_text)\""
fairlead config:unset -a node PNPM_SKIP_PRUNING >/dev/null
commit node "pruned"
push node
assert_contains "$transcript" "Pruning devDependencies" "transcript"
assert_contains "$(page_text)" "built with true without" "page"

note "a lock file that does not fit"
sed -i 's/"left-pad": "1.3.0"/"left-pad": "1.2.0"/' "$work/node/package.json"
commit node "Old lock file"
if try_push node HEAD:main; then fail "a push with an outdated lock file succeeded"; fi
assert_contains "$transcript" "pnpm install failed" "transcript"
