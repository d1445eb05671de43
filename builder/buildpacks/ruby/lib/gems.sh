# shellcheck shell=bash
# Gems by Bundler, and what Rails makes of them.

configure_bundler() {
  export BUNDLE_PATH=vendor/bundle BUNDLE_WITHOUT=${BUNDLE_WITHOUT-development:test} BUNDLE_DEPLOYMENT=1 BUNDLE_GEMFILE=$build/Gemfile
  export BUNDLE_GLOBAL_PATH_APPENDS_RUBY_SCOPE=1 BUNDLE_APP_CONFIG=/tmp/bundle BUNDLE_USER_HOME=/tmp/bundle-home BUNDLE_SILENCE_ROOT_WARNING=1
  # The one that is here, whatever made the lock file.
  export BUNDLER_VERSION
  BUNDLER_VERSION=$(BUNDLER_VERSION='' ruby -rbundler/version -e 'puts Bundler::VERSION')
  # There is nothing to be trusted less in an app's own settings, but a path there would lead the gems astray.
  if [ -f .bundle/config ]; then
    warn "The app's own .bundle/config is removed: say what it says with config vars (BUNDLE_WITHOUT, BUNDLE_BUILD__NAME)"
    rm -rf .bundle
  fi
}

install_gems() {
  local kept key
  key=$(printf '%s\n' "$STACK" "$(uname -m)" "$(cat .heroku/ruby/.packages)" | sha256sum | cut -c 1-16)
  kept=$cache/bundle-$key.tar.zst
  rm -rf vendor/bundle
  if [ -f "$kept" ]; then tar -x --zstd -f "$kept"; fi
  detail "Running bundle install (Bundler $BUNDLER_VERSION, without ${BUNDLE_WITHOUT:-nothing})"
  bundle install --jobs 4 --retry 3 > /tmp/bundle.log 2>&1 || explain_bundler
  grep -v -e '^Using ' -e '^Fetching gem metadata' /tmp/bundle.log | indent || true
  if [ -f "$kept" ] && [ "$(cat "$cache/bundle.lock" 2> /dev/null)" = "$(lock_digest)" ]; then return 0; fi
  bundle clean 2>&1 | indent || true
  # RubyGems writes the place of this build into the programs.
  if compgen -G 'vendor/bundle/ruby/*/bin/*' > /dev/null; then sed -i '1s,^#!.*ruby.*,#!/usr/bin/env ruby,' vendor/bundle/ruby/*/bin/*; fi
  rm -rf vendor/bundle/ruby/*/cache "$cache"/bundle-*.tar.zst
  if [ -d vendor/bundle ]; then
    tar -c --sort=name vendor/bundle | zstd -q -3 -T0 -o "$kept.new"
    mv "$kept.new" "$kept"
    lock_digest > "$cache/bundle.lock"
  fi
}

lock_digest() { { cat Gemfile Gemfile.lock && env | grep '^BUNDLE_' | sort; } | sha256sum; }

explain_bundler() {
  indent < /tmp/bundle.log
  local asked
  asked=$(sed -n 's/^Your Ruby version is .* but your Gemfile specified \(.*\)$/\1/p' /tmp/bundle.log)
  if [ -n "$asked" ]; then
    fail "the Gemfile asks for Ruby $asked, and the stack $STACK has $ruby_version only: ask for \"~> $ruby_version\", or choose another buildpack with BUILDPACK_URL"
  fi
  fail "bundle install failed: look at its lines above"
}

is_rails() { [ -f bin/rails ] && [ -f config/application.rb ]; }

wants_assets() {
  if compgen -G 'public/assets/*manifest*.json' > /dev/null || compgen -G 'public/assets/.*manifest*.json' > /dev/null; then
    detail "Assets are compiled already: there is a manifest in public/assets"
    return 1
  fi
  { [ -f Rakefile ] || [ -f rakefile ] || [ -f Rakefile.rb ]; } || return 1
  if ! with_app_environment bundle exec rake -P > /tmp/rake.log 2>&1; then
    if is_rails; then
      indent < /tmp/rake.log
      fail "the Rakefile cannot be loaded: look at the lines above"
    fi
    return 1
  fi
  grep -q '^rake assets:precompile$' /tmp/rake.log
}

with_app_environment() {
  RACK_ENV=${RACK_ENV:-production} RAILS_ENV=${RAILS_ENV:-production} DATABASE_URL=${DATABASE_URL:-} \
    SECRET_KEY_BASE=${SECRET_KEY_BASE:-only-for-the-build} "$@"
}

compile_assets() {
  step "Running rake assets:precompile"
  with_app_environment bundle exec rake assets:precompile 2>&1 | indent || fail "rake assets:precompile failed: look at its lines above"
}

write_profile() {
  if is_rails && [ ! -f "$cache/secret_key_base" ]; then openssl rand -hex 64 > "$cache/secret_key_base"; fi
  mkdir -p .profile.d
  cat > .profile.d/ruby.sh << PROFILE
export PATH="\$HOME/bin:\$HOME/vendor/bundle/bin:\$HOME/.heroku/ruby/bin:\$PATH"
export LD_LIBRARY_PATH="\${LD_LIBRARY_PATH:+\$LD_LIBRARY_PATH:}$(debian_library_path /app/.heroku/ruby)"
export BUNDLE_PATH="\$HOME/vendor/bundle" BUNDLE_WITHOUT="\${BUNDLE_WITHOUT-$BUNDLE_WITHOUT}" BUNDLE_DEPLOYMENT=1 BUNDLE_GLOBAL_PATH_APPENDS_RUBY_SCOPE=1
export BUNDLER_VERSION=$BUNDLER_VERSION MALLOC_ARENA_MAX=\${MALLOC_ARENA_MAX:-2} LANG=\${LANG:-en_US.UTF-8}
export RACK_ENV=\${RACK_ENV:-production}
PROFILE
  cp "$buildpack/lib/web_concurrency.sh" .profile.d/WEB_CONCURRENCY.sh
  cat > "$buildpack/export" << EXPORT
export PATH="/app/.heroku/ruby/bin:\$PATH"
export LD_LIBRARY_PATH="\${LD_LIBRARY_PATH:+\$LD_LIBRARY_PATH:}$(debian_library_path /app/.heroku/ruby)"
export BUNDLE_PATH="$build/vendor/bundle" BUNDLE_WITHOUT="$BUNDLE_WITHOUT" BUNDLE_DEPLOYMENT=1 BUNDLE_GLOBAL_PATH_APPENDS_RUBY_SCOPE=1 BUNDLER_VERSION=$BUNDLER_VERSION
EXPORT
}
