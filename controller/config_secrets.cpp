#include "controller/config_secrets.h"

namespace controller {
namespace {

/// A value that was replaced stands in the log for a while.
constexpr std::size_t kReleases = 5;

}  // namespace

std::shared_ptr<const base::Secrets> secretsOf(store::ReleaseStore& store, store::AppId app,
                                               const store::ConfigVars& more) {
  store::ConfigVars all = more;
  const auto add = [&](const store::ConfigVars& config) {
    for (const auto& [name, value] : config) {
      std::string& known = all[name];
      // Lines are looked for one by one: so both are.
      if (known != value) known += "\n" + value;
    }
  };
  for (const store::Release& release : store.releases(app, kReleases))
    add(release.config);
  return std::make_shared<const base::Secrets>(all);
}

}  // namespace controller
