#include "controller/push_options.h"

#include "base/error.h"
#include "base/strings.h"

namespace controller {
namespace {

constexpr std::size_t kMaxMessage = 200;
constexpr std::size_t kMaxBuildpack = 2048;
constexpr const char* kKnown = "no-cache, detach, dry-run, cancel-running, buildpack=URL or message=TEXT";

[[noreturn]] void refuse(const std::string& sentence) {
  throw base::Error(base::Errc::invalidArgument, sentence);
}

std::string readValue(const std::string& option, std::size_t nameBytes, std::size_t maxBytes) {
  const std::string_view value = base::trim(std::string_view(option).substr(nameBytes));
  const std::string name = option.substr(0, nameBytes - 1);
  if (value.empty()) refuse("push option " + name + " needs a value: git push -o \"" + name + "=...\"");
  if (value.size() > maxBytes)
    refuse("push option " + name + " is longer than " + std::to_string(maxBytes) + " bytes: shorten it");
  const std::string text = base::printable(value, maxBytes);
  if (text != value) refuse("push option " + name + " holds characters that cannot be printed");
  return text;
}

}  // namespace

PushOptions parsePushOptions(const std::vector<std::string>& options) {
  constexpr std::string_view kBuildpack = "buildpack=";
  constexpr std::string_view kMessage = "message=";
  PushOptions parsed;
  for (const std::string& option : options) {
    if (option == "no-cache") {
      parsed.noCache = true;
    } else if (option == "detach") {
      parsed.detach = true;
    } else if (option == "dry-run") {
      parsed.dryRun = true;
    } else if (option == "cancel-running") {
      parsed.cancelRunning = true;
    } else if (option.starts_with(kBuildpack)) {
      parsed.buildpacks.push_back(readValue(option, kBuildpack.size(), kMaxBuildpack));
    } else if (option.starts_with(kMessage)) {
      parsed.message = readValue(option, kMessage.size(), kMaxMessage);
    } else {
      refuse("push option \"" + base::printable(option) + "\" is not known: use " + kKnown);
    }
  }
  return parsed;
}

}  // namespace controller
