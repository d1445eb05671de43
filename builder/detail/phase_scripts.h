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

/// $1 build, $2 cache, $3 env folder: prints what the buildpack has to tell about the build.
inline constexpr const char* kReportScript = R"sh([ -x bin/report ] || chmod +x bin/report
bin/report "$1" "$2" "$3" 2>/dev/null
)sh";

/// $1 path, $2 commit, and so on in pairs: fills the submodules' folders below the working directory. Only
/// their URLs are taken from .gitmodules: nothing in it names a command to be run.
inline constexpr const char* kFetchSubmodulesScript = R"sh(set -e
export GIT_TERMINAL_PROMPT=0 GIT_ALLOW_PROTOCOL=https:http:git
unset GIT_DIR
[ -f .gitmodules ] || { echo "There is no .gitmodules file that says where they come from: commit one"; exit 1; }
while [ $# -gt 0 ]; do
  path=$1 commit=$2 name=''
  shift 2
  while IFS= read -r -d '' entry; do
    key=${entry%%$'\n'*}
    if [ "${entry#*$'\n'}" = "$path" ]; then name=${key#submodule.}; name=${name%.path}; fi
  done < <(git config -z -f .gitmodules --get-regexp '^submodule\..*\.path$' || :)
  url=$(git config -f .gitmodules --get "submodule.$name.url" || :)
  case $url in
    https://*|http://*|git://*) ;;
    '') echo "The submodule $path has no url in .gitmodules"; exit 1 ;;
    *) echo "The submodule $path has the url $url; write it as a whole https URL"; exit 1 ;;
  esac
  echo "       $path ($url at ${commit:0:8})"
  git init -q -- "$path"
  git -C "$path" remote add origin -- "$url"
  git -C "$path" fetch -q --depth 1 origin "$commit" 2>/dev/null || git -C "$path" fetch -q origin ||
    { echo "The submodule $path could not be fetched from $url: is it public?"; exit 1; }
  git -C "$path" checkout -q --detach "$commit" ||
    { echo "The submodule $path has no commit $commit at $url: push it there"; exit 1; }
  git -C "$path" submodule -q update --init --recursive --depth 1
done
find . -name .git -prune -exec rm -rf -- {} +
)sh";

/// $1 URL, $2 how many bytes at most, $3 file in /tmp for what comes.
inline constexpr const char* kFetchSourceScript =
    R"sh(exec curl -fsSL --proto =https --proto-redir =https --connect-timeout 30 --max-time 270 --retry 2 \
  --max-filesize "$2" -o "/tmp/$3" -- "$1"
)sh";

/// $1 URL, $2 nothing, $3 file in /tmp for the tarball's digest: unpacks a tarball into the working
/// directory. Tarballs of hosting sites have one folder around everything.
inline constexpr const char* kFetchTarballScript = R"sh(set -e
curl -fsSL --connect-timeout 30 --max-time 90 --retry 2 -o /tmp/buildpack.tar -- "$1"
sum=$(sha256sum /tmp/buildpack.tar)
echo "sha256:${sum%% *}" >"/tmp/$3"
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

/// $1 URL, $2 ref or nothing, $3 file in /tmp for the commit: checks a repository out into the working
/// directory. Servers that refuse a bare commit give everything instead.
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
git rev-parse HEAD >"/tmp/$3"
git submodule -q update --init --recursive --depth 1
[ -d bin ] || { echo "It has no bin folder: not a buildpack"; exit 1; }
chmod +x bin/*
)sh";

}  // namespace builder::detail
