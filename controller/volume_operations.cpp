#include "controller/volume_operations.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "controller/process_operations.h"

namespace controller {
namespace {

namespace fs = std::filesystem;
using base::Errc;
using base::Error;

constexpr std::string_view kPrefix = "volume.";
constexpr std::uint32_t kAppUser = 1000;

std::string settingOf(const std::string& name) {
  return std::string(kPrefix) + name;
}

std::string textOf(const Volume& volume) {
  auto json = base::makeJsonObject();
  json->set("target", volume.target);
  json->set("read_only", volume.readOnly);
  if (volume.source) json->set("source", volume.source->string());
  return base::toJson(json);
}

Volume parse(const std::string& name, const std::string& text) {
  const auto json = base::parseJsonObject(text, settingOf(name));
  Volume volume{.name = name, .target = base::jsonString(json, "target"), .readOnly = false, .source = {}};
  volume.readOnly = json->optValue("read_only", false);
  if (json->has("source")) volume.source = base::jsonString(json, "source");
  return volume;
}

bool isName(const std::string& name) {
  constexpr std::size_t kLongest = 30;
  return !name.empty() && name.size() <= kLongest && name.front() != '-' &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
}

/// Whether `inner` is `outer` or lies in it.
bool isWithin(const std::string& inner, const std::string& outer) {
  return inner == outer || inner.starts_with(outer + "/");
}

/// A folder for the app's user, made or found. One that is there under its name is the user's.
void makeFolder(const CommandParts& parts, const fs::path& folder) {
  if (fs::exists(folder)) return;
  const fs::path fresh = folder.parent_path() / ("." + folder.filename().string());  // no volume's name
  parts.trees.remove(fresh);                                                         // of who was killed
  fs::create_directories(fresh);
  fs::permissions(fresh, fs::perms(0755));
  parts.trees.give(fresh, {.uid = kAppUser, .gid = kAppUser}, sandbox::ForeignTrees::Depth::itself);
  fs::rename(fresh, folder);
  base::fsyncFolder(folder.parent_path());
}

/// An operator's folder as it is kept: the supervisor follows no symlink to it, and mounts nothing else.
fs::path operatorsFolder(const CommandParts& parts, const fs::path& wanted) {
  std::error_code missing;
  const fs::path folder = fs::canonical(wanted, missing);
  if (!wanted.is_absolute() || missing || !fs::is_directory(folder))
    throw Error(Errc::notFound, "there is no folder " + base::printable(wanted.string()) +
                                    " on the server: make it first, for the user " +
                                    std::to_string(parts.runtime.hostId(kAppUser)));
  const auto& allowed = parts.serviceLimits.volumeFolders;
  const bool isAllowed = std::any_of(allowed.begin(), allowed.end(), [&](const fs::path& each) {
    return isWithin(folder.string(), each == "/" ? "" : each.string());
  });
  if (isAllowed) return folder;
  std::vector<std::string> names;
  for (const fs::path& each : allowed)
    names.push_back(each.string());
  throw Error(Errc::permissionDenied,
              base::printable(folder.string(), 300) + " does not lie where volumes may come from (" +
                  (names.empty() ? "nowhere" : base::join(names, ", ")) +
                  "): add its folder to volume_folders in the server's settings, and start the server again");
}

}  // namespace

std::vector<Volume> volumesOf(const std::map<std::string, std::string>& settings) {
  std::vector<Volume> volumes;
  for (const auto& [name, value] : settings)
    if (name.starts_with(kPrefix)) volumes.push_back(parse(name.substr(kPrefix.size()), value));
  return volumes;
}

std::vector<runner::VolumeMount> volumeMounts(const std::vector<Volume>& volumes, const fs::path& folder) {
  std::vector<runner::VolumeMount> mounts;
  for (const Volume& volume : volumes)
    mounts.push_back({volume.source.value_or(folder / volume.name), volume.target, volume.readOnly});
  return mounts;
}

void checkVolume(const Volume& volume, const std::vector<Volume>& others) {
  if (!isName(volume.name))
    throw Error(Errc::invalidArgument,
                "\"" + base::printable(volume.name) +
                    "\" is no name of a volume: at most 30 small letters, digits and -");
  const std::string& target = volume.target;
  const bool isPlain =
      target.size() > 1 && target.size() <= 255 && target.front() == '/' && target.back() != '/' &&
      target.find("//") == std::string::npos && fs::path(target).lexically_normal() == fs::path(target) &&
      std::none_of(target.begin(), target.end(),
                   [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == ':' || c == 0x7F; });
  if (!isPlain)
    throw Error(Errc::invalidArgument,
                "\"" + base::printable(target) +
                    "\" is no place for a volume: write a path like /data or /app/uploads");
  constexpr std::array<const char*, 14> kTaken{"/bin",  "/boot",  "/dev",   "/etc",  "/fairlead",
                                               "/lib",  "/lib32", "/lib64", "/proc", "/run",
                                               "/sbin", "/sys",   "/tmp",   "/usr"};
  const bool taken =
      std::any_of(kTaken.begin(), kTaken.end(), [&](const char* each) { return isWithin(target, each); });
  if (taken || target == "/app")
    throw Error(Errc::invalidArgument,
                base::printable(target) +
                    " is needed by the system or the app: put a volume at /data, or below /app");
  for (const Volume& other : others)
    if (isWithin(target, other.target) || isWithin(other.target, target))
      throw Error(Errc::conflict, "the volume " + other.name + " is at " + other.target + " already");
}

runner::LaunchResult addVolume(const CommandParts& parts, const store::App& app, const Volume& wanted,
                               const std::string& user) {
  Volume volume = wanted;
  const auto lease = parts.locks.lock(app.id);
  const std::vector<Volume> others = volumesOf(parts.store.settings(app.id));
  if (std::any_of(others.begin(), others.end(), [&](const Volume& each) { return each.name == volume.name; }))
    throw Error(Errc::alreadyExists, app.name.str() + " has a volume " + volume.name + " already");
  checkVolume(volume, others);
  if (others.size() >= kMaxVolumes)
    throw Error(Errc::overloaded, app.name.str() + " has " + std::to_string(kMaxVolumes) +
                                      " volumes already, which is the most that an app can have");
  if (volume.source) {
    volume.source = operatorsFolder(parts, *volume.source);
  } else {
    makeFolder(parts, parts.folder.volumes(app.uuid) / volume.name);
  }
  runner::LaunchResult result = changeWithProcesses(parts, app, {{settingOf(volume.name), textOf(volume)}});
  if (std::holds_alternative<runner::Launched>(result))
    parts.appLog.append(app.name, "api",
                        "volume " + volume.name + " at " + volume.target + ", added by " + user);
  return result;
}

runner::LaunchResult removeVolume(const CommandParts& parts, const store::App& app, const std::string& name,
                                  const std::string& user) {
  const auto lease = parts.locks.lock(app.id);
  const std::vector<Volume> volumes = volumesOf(parts.store.settings(app.id));
  const auto found =
      std::find_if(volumes.begin(), volumes.end(), [&](const Volume& each) { return each.name == name; });
  if (found == volumes.end())
    throw Error(Errc::notFound, app.name.str() + " has no volume " + base::printable(name) +
                                    ": list them with fairlead volumes -a " + app.name.str());
  runner::LaunchResult result = changeWithProcesses(parts, app, {{settingOf(name), std::nullopt}});
  if (std::holds_alternative<runner::LaunchFailed>(result)) return result;
  if (!found->source) parts.trees.remove(parts.folder.volumes(app.uuid) / name);
  parts.appLog.append(app.name, "api", "volume " + name + " removed by " + user);
  return result;
}

}  // namespace controller
