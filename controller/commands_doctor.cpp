// doctor
#include "controller/command_set.h"
#include "controller/doctor.h"

namespace controller {
namespace {

int examine(const Invocation& call) {
  const auto findings =
      call.parts.doctor->examine({.tryRuntime = [&] { return call.parts.runtime.describe(); },
                                  .stacks = call.parts.store.stacks(),
                                  .endpoints = call.parts.urls.endpoints()});
  call.print(renderFindings(findings), renderReport(findings));
  return exitCodeOf(findings);
}

}  // namespace

std::vector<CommandSpec> doctorCommands() {
  return {{"doctor",
           "",
           "look at what this machine needs to serve, and say what to do about what it lacks",
           0,
           0,
           {},
           examine,
           Action::administer}};
}

}  // namespace controller
