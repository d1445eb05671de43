#include "runner/detail/detached_file.h"

#include <optional>
#include <utility>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/log.h"
#include "base/strings.h"

namespace runner::detail {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxBytes = 256u << 10;

fs::path fileOf(const fs::path& folder, const std::string& container) {
  return folder / (container + ".json");
}

std::int64_t integer(const base::JsonObject::Ptr& json, const char* key) {
  const Poco::Dynamic::Var value = json->get(key);
  if (!value.isInteger()) throw base::Error(base::Errc::corrupt, std::string(key) + " must be a number");
  return value.convert<std::int64_t>();
}

DetachedFile parse(const std::string& text) {
  const auto json = base::parseJsonObject(text, "a one-off process's state", kMaxBytes);
  DetachedFile file{.app = store::AppName::parse(base::jsonString(json, "app"))};
  file.type = base::jsonString(json, "type");
  file.index = static_cast<int>(integer(json, "index"));
  file.release.number = integer(json, "release");
  file.command = base::jsonString(json, "command");
  file.container = base::jsonString(json, "container");
  file.startedAt = base::Time(std::chrono::milliseconds(integer(json, "started_ms")));
  file.timeout = std::chrono::seconds(integer(json, "timeout_s"));
  file.bootId = base::jsonString(json, "boot");
  if (file.type.empty() || file.container.empty()) throw base::Error(base::Errc::corrupt, "it lacks a name");
  return file;
}

/// A damaged file is an expected outcome of a broken disk, and no reason not to start.
std::optional<DetachedFile> tryParse(const fs::path& file) {
  try {
    return parse(base::readFile(file, kMaxBytes));
  } catch (const base::Error& damaged) {
    base::Log("runner").warn("damaged state of a one-off process removed",
                             {{"file", file.filename().string()}, {"problem", damaged.what()}});
    return std::nullopt;
  }
}

}  // namespace

void DetachedFile::save(const fs::path& folder) const {
  auto json = base::makeJsonObject();
  json->set("app", app.str());
  json->set("type", type);
  json->set("index", index);
  json->set("release", release.number);
  json->set("command", command);
  json->set("container", container);
  json->set("started_ms", static_cast<std::int64_t>(startedAt.time_since_epoch().count()));
  json->set("timeout_s", static_cast<std::int64_t>(timeout.count()));
  json->set("boot", bootId);
  base::writeFileAtomically(fileOf(folder, container), base::toJson(json), 0600);
}

void DetachedFile::remove(const fs::path& folder) const {
  std::error_code none;
  fs::remove(fileOf(folder, container), none);
}

std::vector<DetachedFile> DetachedFile::load(const fs::path& folder) {
  std::vector<DetachedFile> all;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (auto file = tryParse(entry.path()))
      all.push_back(*std::move(file));
    else
      fs::remove(entry.path());
  }
  return all;
}

std::string thisBootId() {
  const base::Fd fd = base::openFile("/proc/sys/kernel/random/boot_id", 0);
  char buffer[64];
  return std::string(base::trim({buffer, base::readSome(fd, buffer, sizeof buffer)}));
}

}  // namespace runner::detail
