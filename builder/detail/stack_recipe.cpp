#include "builder/detail/stack_recipe.h"

#include "base/strings.h"

namespace builder::detail {
namespace {

/// What processes find at run time. nginx serves static sites; usr-is-merged spares the run image a whole
/// perl, which usrmerge would pull in. The small libraries are those that most native modules of Python, Ruby
/// and Node want.
const std::vector<std::string> kRunPackages = {
    "usr-is-merged", "bash",         "busybox",     "ca-certificates", "curl",    "gettext-base",
    "libatomic1",    "libexpat1",    "libffi8",     "libpq5",          "libssl3", "libsqlite3-0",
    "libstdc++6",    "libreadline8", "libyaml-0-2", "media-types",     "netbase", "nginx",
    "openssl",       "procps",       "tzdata",      "xz-utils",        "zstd"};

/// What buildpacks use on top: node-gyp needs python3, make and g++; nginx's buildpack renders with ruby.
const std::vector<std::string> kBuildPackages = {"autoconf",
                                                 "automake",
                                                 "build-essential",
                                                 "bzip2",
                                                 "file",
                                                 "git",
                                                 "gnupg",
                                                 "jq",
                                                 "libffi-dev",
                                                 "libpq-dev",
                                                 "libreadline-dev",
                                                 "libsqlite3-dev",
                                                 "libssl-dev",
                                                 "libtool",
                                                 "libyaml-dev",
                                                 "netcat-openbsd",
                                                 "patch",
                                                 "pkg-config",
                                                 "python3",
                                                 "rsync",
                                                 "ruby",
                                                 "unzip",
                                                 "wget",
                                                 "zip",
                                                 "zlib1g-dev"};

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

/// Makes a build image of what is a run image until then, and leaves the list of the run image's packages
/// there: buildpacks that install Debian's packages read it to know which libraries an app must bring along.
constexpr const char* kExtendToBuild = R"sh(set -eu
root=$1
mkdir -p "$root/usr/share/stack"
cp "$root/var/lib/dpkg/status" "$root/usr/share/stack/run-packages"
APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get --yes -oDir::Bin::dpkg=env -oDPkg::Options::=--unset=TMPDIR \
  -oDPkg::Options::=dpkg -oDPkg::Chroot-Directory="$root" -oDPkg::Use-Pty=false install )sh";

/// The build image keeps the sources, so that buildpacks find them, but not a mirror's password; lists come
/// anew. Some buildpacks count on files in sources.list.d. apt takes the run image's packages for those that
/// are installed: what it is asked for in a build is for the app, which runs without the build image's.
constexpr const char* kFinishBuild = R"sh(set -eu
sed -i -E 's,://[^/@ ]*@,://,' "$1/etc/apt/sources.list"
echo '# This machine'"'"'s lists are in ../sources.list.' > "$1/etc/apt/sources.list.d/stack.list"
echo 'Dir::State::status "/usr/share/stack/run-packages";' > "$1/etc/apt/apt.conf.d/90run-packages"
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
  if (part == StackPart::build) {
    arguments.push_back(std::string("--customize-hook=") + kExtendToBuild + base::join(kBuildPackages, " ") +
                        " >&2");
  }
  arguments.push_back(std::string("--customize-hook=") + kFinish);
  arguments.push_back(std::string("--customize-hook=") +
                      (part == StackPart::build ? kFinishBuild : kFinishRun));
  arguments.insert(arguments.end(), {recipe.release, "-", "-"});
  return arguments;
}

}  // namespace builder::detail
