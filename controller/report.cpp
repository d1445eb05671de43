#include "controller/report.h"

namespace controller {
namespace {

void printFailure(const Invocation& call, const runner::LaunchFailed& failed) {
  for (const std::string& line : failed.lastLines)
    call.io.err.write("       " + line + "\n");
}

}  // namespace

std::string counted(std::uint64_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

int reportRelease(const Invocation& call, const store::App& app, const Released& released,
                  const base::JsonObject::Ptr& json) {
  const std::string version = released.release.version.str();
  if (!released.failed) {
    call.print(json, app.name.str() + ": released " + version + " (" + released.release.description + ")\n");
    return 0;
  }
  call.io.err.write("fairlead: release " + version + " failed: " + released.failed->process + " " +
                    released.failed->reason + "; the release before serves on, nothing else changed\n");
  printFailure(call, *released.failed);
  return 1;
}

int reportLaunch(const Invocation& call, const store::App& app, const runner::LaunchResult& result,
                 const base::JsonArray::Ptr& json, const std::string& text) {
  if (const auto* failed = std::get_if<runner::LaunchFailed>(&result)) {
    call.io.err.write("fairlead: " + failed->process + " of " + app.name.str() + " " + failed->reason +
                      "; what ran before serves on\n");
    printFailure(call, *failed);
    return 1;
  }
  call.print(json, text);
  return 0;
}

}  // namespace controller
