// gc
#include <map>

#include "base/json.h"
#include "base/strings.h"
#include "controller/collection.h"
#include "controller/command_set.h"
#include "controller/render.h"

namespace controller {
namespace {

/// "2 releases, 1 manifest, 14 blobs".
std::string countedByKind(const std::vector<store::Garbage>& all) {
  std::map<store::Garbage::Kind, std::size_t> counts;
  for (const store::Garbage& each : all)
    ++counts[each.kind];
  std::string text;
  for (const auto& [kind, count] : counts)
    text += (text.empty() ? "" : ", ") + std::to_string(count) + " " + std::string(store::name(kind)) +
            (count == 1 ? "" : "s");
  return text;
}

int collectGarbage(const Invocation& call) {
  const bool onlyPlan = call.flag("plan");
  const auto all = onlyPlan ? call.parts.collection.plan() : call.parts.collection.collect(call.io.stop);
  auto json = base::makeJsonArray();
  std::vector<std::vector<std::string>> rows;
  std::uint64_t bytes = 0;
  for (const store::Garbage& each : all) {
    auto item = base::makeJsonObject();
    item->set("kind", std::string(store::name(each.kind)));
    item->set("name", each.name);
    item->set("reason", each.reason);
    item->set("bytes", each.bytes);
    json->add(item);
    rows.push_back(
        {std::string(store::name(each.kind)), each.name, base::formatBytes(each.bytes), each.reason});
    bytes += each.bytes;
  }
  std::string text = "Nothing to collect\n";
  if (!all.empty())
    text = table(rows) + countedByKind(all) + (onlyPlan ? " would go: " : " are gone: ") +
           base::formatBytes(bytes) + "\n" +
           (onlyPlan ? "Nothing is removed yet: run it without --plan\n" : "");
  call.print(json, text);
  return 0;
}

}  // namespace

std::vector<CommandSpec> collectionCommands() {
  return {{"gc",
           "[--plan]",
           "remove what no release, image or upload needs",
           0,
           0,
           {"plan"},
           collectGarbage,
           Action::administer}};
}

}  // namespace controller
