#include "builder/detail/stack_recipe.h"

#include "base/strings.h"

namespace builder::detail {
namespace {

/// What processes find at run time. nginx serves static sites; usr-is-merged spares the run image a whole
/// perl, which usrmerge would pull in.
const std::vector<std::string> kRunPackages = {
    "usr-is-merged", "bash",    "busybox",    "ca-certificates", "curl",    "gettext-base",
    "libatomic1",    "libssl3", "libstdc++6", "media-types",     "netbase", "nginx",
    "openssl",       "procps",  "tzdata",     "xz-utils",        "zstd"};

/// What buildpacks use on top: node-gyp needs python3, make and g++.
const std::vector<std::string> kBuildPackages = {
    "build-essential", "bzip2",   "file",  "git",   "jq",   "patch",
    "pkg-config",      "python3", "rsync", "unzip", "wget", "zip"};

/// Needed while the image is made and purged at its end.
const std::vector<std::string> kMakePackages = {"locales"};

/// Runs on the host with the image's root as $1, after the packages. Users are written by hand: useradd
/// leaves locks and backups.
constexpr const char* kFinish = R"sh(set -eu
root=$1
chroot "$root" localedef -i en_US -f UTF-8 --no-archive en_US.UTF-8
chroot "$root" dpkg --purge locales libc-l10n >/dev/null
echo 'app:x:1000:' >> "$root/etc/group"
echo 'app:!::' >> "$root/etc/gshadow"
echo 'app:x:1000:1000:app:/app:/bin/bash' >> "$root/etc/passwd"
echo 'app:!:20000:0:99999:7:::' >> "$root/etc/shadow"
mkdir -p "$root/app"
chmod 0755 "$root/app"
chown 1000:1000 "$root/app"
printf '127.0.0.1 localhost\n::1 localhost\n' > "$root/etc/hosts"
echo 'LANG=en_US.UTF-8' > "$root/etc/default/locale"
rm -f "$root/etc/apt/apt.conf.d/99mmdebstrap"
rm -f "$root"/var/lib/dpkg/*-old "$root"/var/cache/debconf/*-old "$root"/etc/*- "$root/etc/.pwd.lock"
rm -f "$root/var/cache/ldconfig/aux-cache" "$root/var/lib/systemd/random-seed" "$root/var/lib/urandom/random-seed"
find "$root/var/log" -type f -delete
)sh";

/// The build image keeps the sources, so that the apt buildpack finds them, but not a mirror's password;
/// lists come anew.
constexpr const char* kFinishBuild = R"sh(set -eu
sed -i -E 's,://[^/@ ]*@,://,' "$1/etc/apt/sources.list"
)sh";
constexpr const char* kFinishRun = R"sh(set -eu
rm -f "$1/etc/apt/sources.list"
)sh";

}  // namespace

const std::vector<StackRecipe>& stackRecipes() {
  static const std::vector<StackRecipe> recipes = {{"debian-12", "bookworm"}};
  return recipes;
}

std::vector<std::string> mmdebstrapArguments(const StackRecipe& recipe, StackPart part,
                                             const std::vector<std::string>& aptSettings) {
  std::vector<std::string> packages = kRunPackages;
  packages.insert(packages.end(), kMakePackages.begin(), kMakePackages.end());
  if (part == StackPart::build) packages.insert(packages.end(), kBuildPackages.begin(), kBuildPackages.end());
  std::vector<std::string> arguments = {"mmdebstrap",
                                        "--verbose",  // names packages as they go: that is the progress
                                        "--mode=root",
                                        "--variant=minbase",
                                        "--format=tar",
                                        "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
                                        "--include=" + base::join(packages, ","),
                                        "--dpkgopt=force-unsafe-io",
                                        "--dpkgopt=path-exclude=/usr/share/doc/*",
                                        "--dpkgopt=path-include=/usr/share/doc/*/copyright",
                                        "--dpkgopt=path-exclude=/usr/share/info/*",
                                        "--dpkgopt=path-exclude=/usr/share/lintian/*",
                                        "--dpkgopt=path-exclude=/usr/share/locale/*",
                                        "--dpkgopt=path-exclude=/usr/share/man/*"};
  for (const auto& setting : aptSettings)
    arguments.push_back("--aptopt=" + setting);
  arguments.push_back(std::string("--customize-hook=") + kFinish);
  arguments.push_back(std::string("--customize-hook=") +
                      (part == StackPart::build ? kFinishBuild : kFinishRun));
  arguments.insert(arguments.end(), {recipe.release, "-", "-"});
  return arguments;
}

}  // namespace builder::detail
