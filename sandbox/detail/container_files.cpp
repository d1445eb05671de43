#include "sandbox/detail/container_files.h"

#include <fcntl.h>

#include "base/fd.h"
#include "base/json.h"
#include "sandbox/detail/read_or_empty.h"

namespace sandbox {
namespace {

base::JsonObject::Ptr toObject(const ProcessRef& process) {
  auto object = base::makeJsonObject();
  object->set("pid", process.pid);
  object->set("startTicks", process.startTicks);
  object->set("bootId", process.bootId);
  return object;
}

ProcessRef toProcess(const base::JsonObject::Ptr& object) {
  if (object.isNull()) return {};
  return {object->getValue<pid_t>("pid"), object->getValue<std::uint64_t>("startTicks"),
          object->getValue<std::string>("bootId")};
}

}  // namespace

void ContainerState::save(const std::filesystem::path& file) const {
  auto object = base::makeJsonObject();
  object->set("init", toObject(init));
  object->set("monitor", toObject(monitor));
  object->set("address", address);
  object->set("networkGroup", networkGroup);
  object->set("startedAtMs", static_cast<std::int64_t>(startedAt.time_since_epoch().count()));
  // Whole for every reader, but not synced: the containers do not survive a power cut either.
  const std::filesystem::path aside = file.string() + ".tmp";
  base::writeAll(base::openFile(aside, O_WRONLY | O_CREAT | O_TRUNC), base::toJson(object));
  std::filesystem::rename(aside, file);
}

std::optional<ContainerState> ContainerState::load(const std::filesystem::path& file) {
  const std::string text = readOrEmpty(file);
  if (text.empty()) return std::nullopt;  // never written, or cut off by a power cut
  const auto object = base::parseJsonObject(text, "state.json of a container");
  ContainerState state;
  state.init = toProcess(object->getObject("init"));
  state.monitor = toProcess(object->getObject("monitor"));
  state.address = base::jsonString(object, "address");
  state.networkGroup = base::jsonString(object, "networkGroup");
  state.startedAt = base::Time(std::chrono::milliseconds(object->getValue<std::int64_t>("startedAtMs")));
  return state;
}

}  // namespace sandbox
