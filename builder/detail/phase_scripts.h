// The bash around a buildpack's scripts. Each runs with the buildpack's folder as its working directory, as
// Heroku does.
#pragma once

namespace builder::detail {

/// $1 build folder, $2... buildpack folders: prints the index of the first that takes the app, a line end and
/// its display name. Status 1: none does.
inline constexpr const char* kDetectAnyScript = R"sh(build=$1
shift
index=0
for buildpack; do
  if [ -f "$buildpack/bin/detect" ] && name=$(cd "$buildpack" && bin/detect "$build" 2>/dev/null); then
    printf '%s\n%s\n' "$index" "$name"
    exit 0
  fi
  index=$((index + 1))
done
exit 1
)sh";

/// $1 build folder: prints the display name, or why not.
inline constexpr const char* kDetectScript = R"sh(errors=$(mktemp)
name=$(bin/detect "$1" 2>"$errors")
status=$?
printf '%s\n' "$name"
[ $status = 0 ] || cat "$errors"
exit $status
)sh";

/// $1 build, $2 cache, $3 env folder, $4... folders of the buildpacks that compiled before: their exports are
/// sourced in order.
inline constexpr const char* kCompileScript = R"sh(build=$1 cache=$2 env=$3
shift 3
for buildpack; do
  if [ -f "$buildpack/export" ]; then . "$buildpack/export"; fi
done
exec bin/compile "$build" "$cache" "$env"
)sh";

/// $1 build, $2 cache folder: prints the release's YAML; on failure what it said.
inline constexpr const char* kReleaseScript = R"sh([ -f bin/release ] || exit 0
errors=$(mktemp)
out=$(bin/release "$1" "$2" 2>"$errors")
status=$?
if [ $status = 0 ]; then printf '%s\n' "$out"; else cat "$errors"; fi
exit $status
)sh";

/// $1 URL: unpacks a tarball into the working directory. Tarballs of hosting sites have one folder around
/// everything.
inline constexpr const char* kFetchTarballScript = R"sh(set -e
curl -fsSL --connect-timeout 30 --max-time 90 --retry 2 -o /tmp/buildpack.tar -- "$1"
tar -xf /tmp/buildpack.tar --no-same-owner
rm -f /tmp/buildpack.tar
if [ ! -d bin ] && [ "$(ls -A | wc -l)" = 1 ]; then
  only=$(ls -A)
  mv -- "$only" ".$only.outer"
  find ".$only.outer" -mindepth 1 -maxdepth 1 -exec mv -t . -- {} +
  rmdir -- ".$only.outer"
fi
[ -d bin ] || { echo "It has no bin folder: not a buildpack"; exit 1; }
chmod +x bin/*
)sh";

/// $1 URL, $2 ref or nothing: checks a repository out into the working directory. Servers that refuse a bare
/// commit give everything instead.
inline constexpr const char* kFetchGitScript = R"sh(set -e
export GIT_TERMINAL_PROMPT=0
unset GIT_DIR
git init -q .
git remote add origin "$1"
ref=${2:-HEAD}
if git fetch -q --depth 1 origin "$ref" 2>/dev/null || git fetch -q origin "$ref" 2>/dev/null; then
  git checkout -q FETCH_HEAD
else
  git fetch -q --tags origin '+refs/heads/*:refs/remotes/origin/*'
  git checkout -q "$ref"
fi
git submodule -q update --init --recursive --depth 1
[ -d bin ] || { echo "It has no bin folder: not a buildpack"; exit 1; }
chmod +x bin/*
)sh";

}  // namespace builder::detail
