#include "sandbox/detail/path_policy.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>

#include "base/error.h"
#include "base/strings.h"
#include "sandbox/detail/oci_bundle.h"
#include "sandbox/detail/overlay.h"

namespace sandbox {
namespace {

namespace fs = std::filesystem;
using base::Errc;
using base::Error;

/// What of `path` lies below `folder`, "." for itself; nullopt when it does not. By their names only.
std::optional<std::string> below(const fs::path& path, const fs::path& folder) {
  const std::string outer = folder == "/" ? "" : folder.native();
  const std::string& inner = path.native();
  if (inner == folder.native()) return ".";
  if (!inner.starts_with(outer + "/")) return std::nullopt;
  return inner.substr(outer.size() + 1);
}

bool isTerminal(const fs::path& path) {
  const std::string name = path.filename().string();
  return path.parent_path() == "/dev/pts" && !name.empty() &&
         name.find_first_not_of("0123456789") == std::string::npos;
}

/// openBelow, in words for this place.
base::Fd openHeld(const base::Fd& root, const std::string& relative, const fs::path& shown) {
  try {
    return base::openBelow(root, relative, O_PATH);
  } catch (const Error& failure) {
    if (failure.code() == Errc::notFound)
      throw Error(Errc::notFound, base::printable(shown.string(), 300) + " does not exist");
    throw Error(Errc::permissionDenied, base::printable(shown.string(), 300) +
                                            " cannot be reached without following a symlink: name the folder "
                                            "itself (" +
                                            failure.what() + ")");
  }
}

}  // namespace

/// Opens each path once, so that a layer that an image has twice has one name.
class PathPolicy::Holder {
 public:
  explicit Holder(HeldSpec& result) : result_(result) {}

  template <typename Open>
  fs::path hold(const fs::path& path, const Open& open) {
    const auto known = names_.find(path);
    if (known != names_.end()) return known->second;
    result_.held.push_back(open());
    return names_.emplace(path, heldPath(result_.held.back())).first->second;
  }

 private:
  HeldSpec& result_;
  std::map<fs::path, fs::path> names_;
};

PathPolicy::PathPolicy(const SupervisorSettings& settings)
    : settings_(settings), data_(base::openFile(settings.dataFolder, O_PATH | O_DIRECTORY)) {}

std::optional<std::string> PathPolicy::allowed(const fs::path& path,
                                               const std::vector<std::string>& folders) const {
  auto relative = below(path, settings_.dataFolder);
  if (!relative) return std::nullopt;
  const bool found = std::any_of(folders.begin(), folders.end(), [&](const std::string& folder) {
    return folder.empty() || (below(*relative, folder) && *relative != folder);
  });
  return found ? relative : std::nullopt;
}

base::Fd PathPolicy::openBelowData(const fs::path& path, const std::vector<std::string>& folders,
                                   const std::string& refusal) const {
  const auto relative = allowed(path, folders);
  if (!relative) throw Error(Errc::permissionDenied, refusal);
  return openHeld(data_, *relative, path);
}

base::Fd PathPolicy::openTerminal(const fs::path& path, std::uint32_t owner) const {
  base::Fd terminal = base::openFile(path, O_PATH | O_NOFOLLOW);
  struct stat info {};
  if (::fstat(terminal.get(), &info) != 0) base::throwErrno(errno, "looking at a terminal");
  if (!S_ISCHR(info.st_mode) || info.st_uid != owner)
    throw Error(Errc::permissionDenied, "the terminal " + path.string() + " is not the container's user's");
  return terminal;
}

base::Fd PathPolicy::openSource(const fs::path& path, const std::string& target) const {
  for (const fs::path& folder : settings_.operatorFolders)
    if (const auto relative = below(path, folder))
      return openHeld(base::openFile(folder, O_PATH | O_DIRECTORY), *relative, path);
  return openBelowData(path, settings_.mountFolders,
                       base::printable(path.string(), 300) + ", which is to be mounted at " +
                           base::printable(target) +
                           ", lies outside of what containers may have: add its folder to volume_folders");
}

HeldSpec PathPolicy::hold(const ContainerSpec& spec) const {
  HeldSpec result{.spec = spec, .held = {}};
  Holder holder(result);
  for (fs::path& layer : result.spec.layers) {
    const fs::path wanted = layer;
    layer = holder.hold(wanted, [&] {
      return openBelowData(
          wanted, settings_.layerFolders,
          "the layer " + base::printable(wanted.string(), 300) + " is none of this server's");
    });
  }
  const std::vector<fs::path>& files = settings_.operatorFiles;
  for (Mount& mount : result.spec.mounts) {
    const fs::path wanted = mount.source;
    const bool isOperators = mount.readOnly && mount.changes.empty() &&
                             std::find(files.begin(), files.end(), wanted) != files.end();
    if (isOperators) continue;  // by its name: symlinks in it are the operator's
    mount.source = holder.hold(wanted, [&] {
      if (isTerminal(wanted)) return openTerminal(wanted, settings_.runtime.userNamespaceBase + spec.uid);
      try {
        return openSource(wanted, mount.target);
      } catch (const Error& failure) {
        if (failure.code() != Errc::notFound) throw;
        throw Error(Errc::invalidArgument,
                    "what is to be mounted at " + base::printable(mount.target) + " does not exist");
      }
    });
    if (mount.changes.empty()) continue;
    const fs::path changes = mount.changes;
    mount.changes = holder.hold(changes, [&] {
      return openBelowData(changes, settings_.mountFolders,
                           base::printable(changes.string(), 300) + " is no place for a mount's changes");
    });
  }
  return result;
}

HeldPath PathPolicy::holdPath(const fs::path& path,
                              const std::vector<const std::vector<std::string>*>& folders) const {
  for (const auto* each : folders) {
    const auto relative = allowed(path, *each);
    if (!relative || !path.has_filename()) continue;
    const fs::path parent = fs::path(*relative).parent_path();
    HeldPath held{.path = {}, .folder = openHeld(data_, parent.empty() ? "." : parent.string(), path)};
    held.path = heldPath(held.folder) / path.filename();
    return held;
  }
  throw Error(Errc::permissionDenied,
              base::printable(path.string(), 300) + " lies where no container has files");
}

HeldPath PathPolicy::holdTree(const fs::path& path) const {
  return holdPath(path, {&settings_.mountFolders, &settings_.layerFolders});
}

std::optional<HeldPath> PathPolicy::findTree(const fs::path& path) const {
  try {
    return holdTree(path);
  } catch (const Error& failure) {
    if (failure.code() != Errc::notFound) throw;
    return std::nullopt;
  }
}

HeldPath PathPolicy::holdLog(const fs::path& path) const {
  HeldPath held = holdPath(path, {&settings_.logFolders});
  struct stat info {};
  if (::fstatat(held.folder.get(), path.filename().c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno != ENOENT) base::throwErrno(errno, "looking for a container's log");
  } else if (!S_ISREG(info.st_mode)) {
    throw Error(Errc::permissionDenied,
                base::printable(path.string(), 300) + " is no place for a container's log: it is no file");
  }
  return held;
}

bool PathPolicy::isLog(const fs::path& path) const {
  return allowed(path, settings_.logFolders).has_value();
}

base::Fd PathPolicy::openReadable(const fs::path& path) const {
  const auto& files = settings_.readableFiles;
  if (std::find(files.begin(), files.end(), path) == files.end())
    throw Error(Errc::permissionDenied,
                base::printable(path.string(), 300) + " is no file that the settings name");
  base::Fd file = base::openFile(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) base::throwErrno(errno, "opening a file of the settings");
  if (!S_ISREG(info.st_mode))
    throw Error(Errc::invalidArgument, base::printable(path.string(), 300) + " is no file");
  return file;
}

}  // namespace sandbox
