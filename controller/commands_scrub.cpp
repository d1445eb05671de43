// registry:scrub
#include <chrono>

#include "base/error.h"
#include "base/json.h"
#include "base/size.h"
#include "base/strings.h"
#include "controller/command_set.h"
#include "controller/render.h"
#include "controller/report.h"
#include "controller/scrubbing.h"

namespace controller {
namespace {

std::optional<std::uint64_t> rateOf(const Invocation& call) {
  const auto text = call.option("rate");
  if (!text) return std::nullopt;
  const auto rate = base::parseSize(*text);
  if (!rate || *rate == 0)
    throw base::Error(base::Errc::invalidArgument, "--rate takes bytes in a second, like 50M");
  return rate;
}

/// What to do about it: the first sentence that applies to every place that needs it.
std::string remedyOf(const store::Damaged& damaged) {
  std::vector<std::string> steps;
  for (const std::string& stack : damaged.stacks)
    steps.push_back("make the stack again: fairlead stacks:create " + stack + ", or import it again");
  for (const std::string& app : damaged.apps)
    steps.push_back("build it again: fairlead builds:create -a " + app);
  if (steps.empty() && !damaged.repositories.empty()) steps.push_back("push the image again");
  if (steps.empty()) steps.push_back("nothing needs it: fairlead gc");
  return base::join(steps, "; ");
}

base::JsonArray::Ptr arrayOf(const std::vector<std::string>& words) {
  auto array = base::makeJsonArray();
  for (const std::string& word : words)
    array->add(word);
  return array;
}

std::string counted(const store::ScrubReport& report) {
  return controller::counted(report.blobs, "blob") + ", " +
         controller::counted(report.manifests, "manifest") + ", " + base::formatBytes(report.bytes);
}

int scrub(const Invocation& call) {
  auto next = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  const auto report = call.parts.scrubbing.scrub(
      rateOf(call),
      [&](const store::ScrubReport& soFar) {
        if (std::chrono::steady_clock::now() < next) return;
        next = std::chrono::steady_clock::now() + std::chrono::seconds(5);
        call.io.err.write("read so far: " + counted(soFar) + "\n");
      },
      call.io.stop);
  auto damaged = base::makeJsonArray();
  std::string text;
  for (const store::Damaged& each : report.damaged) {
    auto item = base::makeJsonObject();
    item->set("kind", std::string(store::name(each.kind)));
    item->set("digest", each.digest.str());
    item->set("finding", each.finding);
    item->set("repositories", arrayOf(each.repositories));
    item->set("apps", arrayOf(each.apps));
    item->set("stacks", arrayOf(each.stacks));
    item->set("remedy", remedyOf(each));
    damaged->add(item);
    text += std::string(store::name(each.kind)) + " " + each.digest.str() + " " + each.finding + "\n";
    if (!each.repositories.empty()) text += "    in " + base::join(each.repositories, ", ") + "\n";
    text += "    " + remedyOf(each) + "\n";
  }
  auto json = base::makeJsonObject();
  json->set("blobs", report.blobs);
  json->set("manifests", report.manifests);
  json->set("bytes", report.bytes);
  json->set("damaged", damaged);
  text += counted(report) + ": " +
          (report.damaged.empty() ? "all are right" : std::to_string(report.damaged.size()) + " damaged") +
          "\n";
  call.print(json, text);
  return report.damaged.empty() ? 0 : 1;
}

}  // namespace

std::vector<CommandSpec> scrubCommands() {
  return {{"registry:scrub",
           "[--rate BYTES]",
           "read everything that is stored, and tell what is damaged and how to heal it",
           0,
           0,
           {"rate="},
           scrub,
           Action::administer}};
}

}  // namespace controller
