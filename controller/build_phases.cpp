#include "controller/build_phases.h"

#include <array>
#include <string_view>

namespace controller {
namespace {

enum class Whose { ours, buildpacks, other };

struct Phase {
  std::string_view name;
  Whose whose;
};

constexpr std::array<Phase, 19> kPhases = {{
    {"receive", Whose::other},  // the network's
    {"check", Whose::ours},         {"accept", Whose::ours},           {"queue", Whose::other},
    {"source", Whose::other},  // a tarball: fetched, unpacked
    {"export", Whose::ours},        {"prepare", Whose::ours},          {"cache", Whose::ours},
    {"sandbox", Whose::ours},       {"submodules", Whose::buildpacks}, {"fetch", Whose::buildpacks},
    {"detect", Whose::buildpacks},  {"compile", Whose::buildpacks},    {"report", Whose::buildpacks},
    {"release", Whose::buildpacks}, {"slug_list", Whose::ours},        {"slug_pack", Whose::ours},
    {"commit", Whose::ours},        {"launch", Whose::other},
}};

}  // namespace

std::vector<std::pair<std::string, std::int64_t>> phasesInOrder(const store::Build& build) {
  std::vector<std::pair<std::string, std::int64_t>> phases;
  for (const Phase& phase : kPhases) {
    const std::string name(phase.name);
    if (const auto ms = build.phaseMs.find(name); ms != build.phaseMs.end())
      phases.emplace_back(name, ms->second);
  }
  return phases;
}

std::int64_t ownMs(const store::Build& build) {
  std::int64_t sum = 0;
  for (const Phase& phase : kPhases) {
    const auto ms = build.phaseMs.find(std::string(phase.name));
    if (phase.whose == Whose::ours && ms != build.phaseMs.end()) sum += ms->second;
  }
  return sum;
}

}  // namespace controller
