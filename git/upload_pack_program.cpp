#include "git/upload_pack_program.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "base/error.h"
#include "base/strings.h"
#include "git/detail/find_repository.h"
#include "git/detail/program.h"
#include "git/pkt_line.h"
#include "git/stdio_wire.h"
#include "git/upload_pack.h"

namespace git {
namespace {

using detail::complain;
using detail::FoundRepository;
using detail::kDied;
using detail::kUsage;
using detail::RepositoryConfig;

struct CommandLine {
  std::string folder;
  detail::PathMatch match = detail::PathMatch::guess;
  std::chrono::seconds timeout{0};
  bool stateless = false;
  UploadPackPart part = UploadPackPart::all;
};

/// False for a word that is none of ours.
bool takeOption(const std::string& word, CommandLine& line) {
  if (word == "--strict") {
    line.match = detail::PathMatch::exact;
  } else if (word == "--no-strict") {
    line.match = detail::PathMatch::guess;
  } else if (word.starts_with("--timeout=")) {
    std::uint64_t seconds = 0;
    if (!base::parseNumber(std::string_view(word).substr(10), seconds) || seconds > 10'000'000) return false;
    line.timeout = std::chrono::seconds(seconds);
  } else if (word == "--stateless-rpc") {
    line.stateless = true;
  } else if (word == "--advertise-refs" || word == "--http-backend-info-refs") {
    line.part = UploadPackPart::advertisement;
  } else {
    return false;
  }
  return true;
}

std::optional<CommandLine> parseWords(const std::vector<std::string>& words) {
  CommandLine line;
  bool onlyFolders = false;
  for (const std::string& word : words) {
    if (!onlyFolders && word == "--") {
      onlyFolders = true;
    } else if (onlyFolders || !word.starts_with('-')) {
      if (!line.folder.empty()) return std::nullopt;
      line.folder = word;
    } else if (!takeOption(word, line)) {
      return std::nullopt;
    }
  }
  if (line.folder.empty()) return std::nullopt;
  if (line.stateless && line.part == UploadPackPart::all) line.part = UploadPackPart::requestOnly;
  return line;
}

void readFilterRules(const RepositoryConfig& config, UploadPackSettings& settings) {
  settings.allowFiltersByDefault = config.flag("uploadpackfilter.allow", true);
  for (const auto& [key, value] : config.below("uploadpackfilter.")) {
    const std::size_t dot = key.rfind('.');
    if (dot == std::string::npos) continue;
    const std::string filter = key.substr(0, dot);
    if (key.substr(dot + 1) == "allow") {
      settings.allowedFilters[filter] = config.flag("uploadpackfilter." + key, true);
    } else if (filter == "tree" && key.substr(dot + 1) == "maxdepth") {
      const std::int64_t depth = config.number("uploadpackfilter." + key, 0);
      settings.allowedFilters.try_emplace("tree", true);
      settings.filterTreeDepth = static_cast<std::uint64_t>(std::max<std::int64_t>(depth, 0));
    }
  }
}

UploadPackSettings settingsOf(const FoundRepository& found) {
  const RepositoryConfig& config = found.config;
  UploadPackSettings settings;
  settings.agent = "git/fairlead-" FAIRLEAD_VERSION;
  if (config.flag("transfer.advertisesid", false))
    settings.sessionId = "fairlead-" + std::to_string(::getpid());
  // In the order in which they stand, whichever of the two they are: the last one that fits decides.
  std::vector<std::string> hidden;
  for (const auto& [key, value] : config.below("")) {
    if (key == "transfer.hiderefs" || key == "uploadpack.hiderefs") hidden.push_back(value);
  }
  settings.hiddenRefs = HiddenRefs(std::move(hidden));
  settings.allowHiddenTips = config.flag("uploadpack.allowtipsha1inwant", false);
  if (config.flag("uploadpack.allowreachablesha1inwant", false)) settings.wants = WantRule::reachable;
  if (config.flag("uploadpack.allowanysha1inwant", false)) {
    settings.wants = WantRule::any;
    settings.allowHiddenTips = true;
  }
  settings.allowFilter = config.flag("uploadpack.allowfilter", false);
  settings.allowRefInWant = config.flag("uploadpack.allowrefinwant", false);
  const char* test = std::getenv("GIT_TEST_SIDEBAND_ALL");
  settings.allowSideBandAll = config.flag("uploadpack.allowsidebandall", false) ||
                              (test && detail::parseConfigFlag(test).value_or(false));
  settings.advertiseObjectInfo = config.flag("transfer.advertiseobjectinfo", false);
  const std::string unborn = config.text("lsrefs.unborn").value_or("advertise");
  if (unborn == "ignore") settings.unborn = UploadPackSettings::Unborn::ignore;
  if (unborn == "allow") settings.unborn = UploadPackSettings::Unborn::allow;
  readFilterRules(config, settings);
  return settings;
}

int fail(Wire& wire, const std::exception& failure) {
  const auto* error = dynamic_cast<const base::Error*>(&failure);
  if (error && error->code() == base::Errc::cancelled) return kDied;
  complain("fatal: " + std::string(failure.what()));
  if (!wire.usesSideBand()) return kDied;
  try {
    wire.write(pktLine("\3fairlead upload-pack: " + std::string(failure.what()) + "\n"));
    wire.write(
        pktLine("\3git upload-pack: aborting due to possible repository corruption on the remote side.\n"));
  } catch (const base::Error&) {
    // The client is gone as well.
  }
  return kDied;
}

int serve(const CommandLine& line) {
  if (detail::refusesNamespace()) return kDied;
  const auto found = detail::findRepository(line.folder, line.match);
  if (!found) {
    complain("fatal: '" + line.folder + "' does not appear to be a git repository");
    return kDied;
  }
  const std::int64_t keepalive = found->config.number("uploadpack.keepalive", 5);
  StdioWire wire(
      {}, {.keepalive = std::chrono::seconds(std::max<std::int64_t>(keepalive, 0)), .timeout = line.timeout});
  try {
    const UploadPackSettings settings = settingsOf(*found);
    uploadPack(wire, {found->repository, settings, detail::requestedProtocol(), line.part});
    return 0;
  } catch (const std::exception& failure) {
    return fail(wire, failure);
  }
}

}  // namespace

int runUploadPack(const std::vector<std::string>& words) {
  const auto line = parseWords(words);
  if (!line) {
    complain("usage: fairlead upload-pack [--strict] [--timeout=N] [--stateless-rpc] [--advertise-refs] DIR");
    return kUsage;
  }
  return detail::runProgram([&] { return serve(*line); });
}

}  // namespace git
