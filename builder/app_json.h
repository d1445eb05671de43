// app.json: what an app says about its own set-up.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/cron_entry.h"
#include "store/process_check.h"

namespace builder {

/// The members that count here; unknown ones are skipped. Immutable value. (Heroku Dev Center, app.json
/// Schema; `cron` as Dokku has it.)
struct AppJson {
  struct ConfigVar {
    std::optional<std::string> value;
    bool generateSecret = false;
    bool required = true;
    std::string description;
  };
  struct ProcessType {
    std::optional<int> quantity;  ///< 0 to 1000
    std::string size;
  };
  std::vector<std::string> buildpacks;  ///< URLs or names, in their order
  std::map<std::string, ConfigVar> env;
  std::map<std::string, ProcessType> formation;
  std::map<std::string, std::string> scripts;  ///< "postdeploy", "test", ...
  store::ProcessChecks healthchecks;
  std::vector<store::CronEntry> cron;
};

inline constexpr std::size_t kAppJsonMaxBytes = 64 * 1024;

/// Throws invalidArgument, "app.json ...", for what is not JSON or has a known member of another form.
AppJson parseAppJson(std::string_view text);
/// Of the app.json at the top of a source tree, which may be a symlink within it; nullopt when there is none.
std::optional<AppJson> readAppJson(const std::filesystem::path& source);

}  // namespace builder
