#!/usr/bin/env bash
# A Ruby app: Debian's Ruby, gems by Bundler from vendor/cache, kept between builds; assets; clear refusals.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

# gems VERSION: the app's gems, and the lock file that names them.
gems() {
  mkdir -p "$work/gem/vendor/cache"
  rm -f "$work"/gem/vendor/cache/*
  python3 "$ROOT/tests/support/make_gem.py" "$work/gem/vendor/cache" greeting "$1" "greeting $1"
  python3 "$ROOT/tests/support/make_gem.py" "$work/gem/vendor/cache" rake 13.9 "rake assets:precompile"
  printf 'source "https://rubygems.org"\nruby "~> 3.1"\ngem "greeting"\ngem "rake"\n' >"$work/gem/Gemfile"
  printf 'GEM\n  remote: https://rubygems.org/\n  specs:\n    greeting (%s)\n    rake (13.9)\n\nPLATFORMS\n  ruby\n  x86_64-linux\n  aarch64-linux\n\n' "$1" >"$work/gem/Gemfile.lock"
  printf 'DEPENDENCIES\n  greeting\n  rake\n\nRUBY VERSION\n   ruby 3.1.2p20\n\nBUNDLED WITH\n   2.4.6\n' >>"$work/gem/Gemfile.lock"
}

start_server
new_app gem
cp -r "$ROOT"/examples/ruby-socket/. "$work/gem"
gems 1.0
# shellcheck disable=SC2016 # Ruby's
sed -i -e '/^require/a require "openssl"\nrequire "json"\nrequire "greeting"' -e 's/^TEXT = .*/TEXT = "#{Greeting::TEXT}, #{RbConfig.ruby}, #{ENV["RACK_ENV"]}, #{`greeting`}"/' "$work/gem/app.rb"
echo '# its task is the fake rake' >"$work/gem/Rakefile"
commit gem "First"
push gem
assert_order "$transcript" "-----> Ruby app detected" "Ruby 3.1." "Installing greeting 1.0" "-----> Running rake assets:precompile" \
  "Procfile declares types -> web"
[[ $(page gem) == "greeting 1.0, /app/.heroku/ruby/usr/bin/ruby3.1, production, greeting 1.0"* ]] || fail "the page is \"$(page gem)\""

note "gems stay; a newer one takes the place of the old"
echo "# more" >>"$work/gem/app.rb"
commit gem "Code"
push gem
assert_lacks "$transcript" "Installing greeting" "second push"
gems 2.0
commit gem "Newer gem"
push gem
assert_order "$transcript" "Installing greeting 2.0" "Removing greeting (1.0)"
assert_contains "$(page gem)" "greeting 2.0" "page"

note "what cannot be is said in a sentence, and the app stays"
sed -i 's/~> 3.1/3.4.1/' "$work/gem/Gemfile"
commit gem "Newer Ruby"
if try_push gem HEAD:main; then fail "a push with Ruby 3.4 succeeded"; fi
assert_contains "$transcript" "the Gemfile asks for Ruby 3.4.1, and the stack debian-12 has 3.1." "transcript"
gems 3.0
rm "$work"/gem/vendor/cache/greeting*
sed -i 's,https://rubygems.org,http://127.0.0.1:1,' "$work"/gem/Gemfile*
commit gem "No such gem"
if try_push gem HEAD:main; then fail "a push with a missing gem succeeded"; fi
assert_contains "$transcript" "bundle install failed" "transcript"
git -C "$work/gem" rm -q Gemfile.lock
commit gem "No lock file"
if try_push gem HEAD:main; then fail "a push without a lock file succeeded"; fi
assert_contains "$transcript" 'there is no Gemfile.lock: run "bundle install" and commit it' "transcript"
assert_contains "$(page gem)" "greeting 2.0" "page after the failures"
