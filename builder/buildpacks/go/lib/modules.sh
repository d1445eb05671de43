# shellcheck shell=bash
# From modules to programs.

# What was downloaded and compiled, as one file; packed anew when the modules or the toolchain are others.
restore_go_caches() {
  # Modules that cannot be removed again would stay in the way.
  export GOPATH=/tmp/go-path GOCACHE=/tmp/go-cache GOMODCACHE=/tmp/go-path/mod GOFLAGS="${GOFLAGS:+$GOFLAGS }-modcacherw"
  mkdir -p /tmp/go-path/mod /tmp/go-cache
  go_key=$({ echo "$go_version" && { cat go.mod go.sum vendor/modules.txt 2> /dev/null || true; }; } | sha256sum | cut -c 1-16)
  go_kept=$cache/go-cache.tar.zst
  if [ -f "$go_kept" ]; then tar -x --zstd -f "$go_kept" -C /tmp; fi
}

keep_go_caches() {
  local limit_kb=2000000
  [ "$(cat "$cache/go-cache.key" 2> /dev/null)" != "$go_key" ] || return 0
  rm -f "$go_kept" "$cache/go-cache.key"
  if [ "$(du -sck /tmp/go-path /tmp/go-cache | tail -n 1 | cut -f 1)" -lt $limit_kb ]; then
    tar -c -C /tmp go-path go-cache | zstd -q -1 -T0 -o "$go_kept.new"
    mv "$go_kept.new" "$go_kept"
    echo "$go_key" > "$cache/go-cache.key"
  fi
}

build_programs() {
  local spec flags=(-tags heroku) before program
  spec=${GO_INSTALL_PACKAGE_SPEC:-$(directive install)}
  spec=${spec:-./...}
  if [ -n "${GO_LINKER_SYMBOL:-}" ] && [ -n "${GO_LINKER_VALUE:-}" ]; then flags+=(-ldflags "-X $GO_LINKER_SYMBOL=$GO_LINKER_VALUE"); fi
  if [ -f vendor/modules.txt ]; then detail "Using the modules in vendor"; fi
  detail "go install ${flags[*]} $spec"
  mkdir -p bin
  before=$(ls bin)
  # shellcheck disable=SC2086 # several packages
  GOBIN=$build/bin go install "${flags[@]}" $spec 2>&1 | indent || fail "go install $spec failed: look at its lines above"
  mkdir -p .heroku/go
  find bin -maxdepth 1 -type f -perm -u+x -printf '%f\n' | LC_ALL=C sort > .heroku/go/programs
  if [ -z "$before" ] && [ ! -s .heroku/go/programs ]; then fail "$spec has no program: none of its packages is called main"; fi
  detail "Programs in bin: $(tr '\n' ' ' < .heroku/go/programs)"
  program=$(sed -n 's,^module[[:space:]]\+"\?\([^"[:space:]]*\).*,\1,p' go.mod | sed 's,/v[0-9]*$,,; s,.*/,,')
  if [ "$(wc -l < .heroku/go/programs)" = 1 ]; then program=$(cat .heroku/go/programs); fi
  if grep -qxF "$program" .heroku/go/programs; then echo "$program" > .heroku/go/web; fi
}

write_profile() {
  mkdir -p .profile.d
  # shellcheck disable=SC2016 # expanded when the process starts
  echo 'export PATH="$HOME/bin:$PATH"' > .profile.d/go.sh
  cat "$buildpack/lib/web_concurrency.sh" > .profile.d/WEB_CONCURRENCY.sh
  cat > "$buildpack/export" << EXPORT
export PATH="$GOROOT/bin:\$PATH" GOROOT="$GOROOT" GOPATH="$GOPATH" GOTOOLCHAIN=local
EXPORT
}
