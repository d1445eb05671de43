#include "controller/drain_operations.h"

namespace controller {

store::Drain addDrain(const CommandParts& parts, const store::App& app, const std::string& url) {
  DrainTarget::parse(url);
  const store::Drain drain = store::DrainStore(parts.store).add(app.id, url, parts.serviceLimits.drainsMax);
  if (parts.drains != nullptr) parts.drains->refresh();
  return drain;
}

store::Drain removeDrain(const CommandParts& parts, const store::App& app, const std::string& urlOrId) {
  store::DrainStore drains(parts.store);
  const store::Drain drain = drains.get(app.id, urlOrId);
  drains.remove(drain.id);
  if (parts.drains != nullptr) parts.drains->refresh();
  return drain;
}

DrainStatus drainStatus(const CommandParts& parts, const store::Drain& drain) {
  return parts.drains == nullptr ? DrainStatus{} : parts.drains->status(drain.id);
}

base::JsonObject::Ptr renderDrain(const CommandParts& parts, const store::Drain& drain) {
  const DrainStatus status = drainStatus(parts, drain);
  auto json = base::makeJsonObject();
  json->set("id", drain.uuid);
  json->set("url", withoutPassword(drain.url));
  json->set("token", drain.token);
  json->set("addon", Poco::Dynamic::Var());
  json->set("created_at", base::toRfc3339(drain.createdAt));
  json->set("updated_at", base::toRfc3339(drain.createdAt));
  json->set("sent", status.sent);
  json->set("dropped", status.dropped);
  json->set("waiting", static_cast<std::uint64_t>(status.waiting));
  json->set("failure", status.failure);
  return json;
}

}  // namespace controller
