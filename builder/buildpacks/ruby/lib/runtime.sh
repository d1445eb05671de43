# shellcheck shell=bash
# Debian's Ruby, made to find its libraries in the app. Needs debian.sh and config_vars.sh.

# The release that the stack has.
ruby_release() {
  local found
  found=$(sed -n '/^Package: ruby$/,/^$/s/^Version: \([0-9]*:\)\{0,1\}\([0-9]*\.[0-9]*\).*/\2/p' /var/lib/dpkg/status)
  echo "${found:-3.1}"
}

install_ruby() {
  ruby_release=$(ruby_release)
  place_runtime ruby
  debian_assumed="ca-certificates fonts-lato libjs-jquery tzdata" debian_runtime ruby .heroku/ruby "ruby$ruby_release" "ruby$ruby_release-dev"
  # What the eight bytes lead to, in the slug and now.
  ln -sfn .heroku/ruby/usr/lib .rb
  if [ ! "$build" -ef /app ]; then ln -sfn "$build/.heroku/ruby/usr/lib" /app/.rb; fi
  ruby_version=$(debian_version .heroku/ruby "ruby$ruby_release")
  report ruby ruby_version "$ruby_version"
  detail "Ruby $ruby_version from Debian"
  export PATH="/app/.heroku/ruby/bin:$PATH" LD_LIBRARY_PATH
  LD_LIBRARY_PATH=$(debian_library_path /app/.heroku/ruby)
}

# Called by debian_runtime before the packages are kept.
finish_ruby() {
  local root=$1 usr=$1/usr program file api
  api=$(basename "$usr"/lib/ruby/gems/*)
  sed -i "s,/usr/lib/\(ruby\|$debian_triplet/ruby\),/app/.rb/\1,g" "$usr/lib/$debian_triplet"/libruby-*.so.*.*
  # Debian's places for gems are outside of the app; what it ships as gems is listed with the default ones.
  : > "$usr/lib/ruby/vendor_ruby/rubygems/defaults/operating_system.rb" 2> /dev/null || true
  find "$usr/lib/ruby/$api/rubygems/defaults" -name operating_system.rb -exec truncate -s 0 {} + 2> /dev/null || true
  find "$usr/share/rubygems-integration" -name '*.gemspec' -exec cp {} "$usr/lib/ruby/gems/$api/specifications/" \;
  mkdir "$root/bin.new"
  ln -s "../usr/bin/ruby$ruby_release" "$root/bin.new/ruby"
  for program in gem bundle bundler irb erb rake rdoc ri racc; do
    for file in "$usr/bin/$program$ruby_release" "$usr/bin/$program"; do
      [ -f "$file" ] || continue
      sed '1s,^#!.*,#!/usr/bin/env ruby,' "$file" > "$root/bin.new/$program"
      chmod +x "$root/bin.new/$program"
      break
    done
  done
  rm -rf "${root:?}/bin" "${root:?}/etc" "$usr/share/ri" "$usr/share/applications" "$usr/share/javascript" "$usr/share/fonts"
  mv "$root/bin.new" "$root/bin"
}
