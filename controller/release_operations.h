// Going back and promoting: what commands and the API both do.
#pragma once

#include <string>

#include "controller/command_set.h"

namespace controller {

/// A release with an earlier one's slug and config vars, launched. `release` is a number, an id, or empty:
/// the newest good one before the current. Throws notFound, and invalidArgument for one that cannot serve.
Released rollBack(const CommandParts& parts, const store::App& app, const std::string& release,
                  const std::string& user);
/// A release of a slug, also of one of another app's, which is then this app's too without a byte being
/// moved, launched. `description` may be empty.
struct SlugRelease {
  store::Slug slug;
  std::string description;
  std::string user;
};
Released releaseSlug(const CommandParts& parts, const store::App& app, const SlugRelease& wish);
/// "v12", "12" or an id; throws notFound.
store::Release releaseNamed(store::ReleaseStore& store, const store::App& app, const std::string& numberOrId);

base::JsonObject::Ptr releaseJson(const CommandParts& parts, const store::App& app,
                                  const store::Release& release);
/// Throws conflict, with the reason, for a release whose processes did not come up.
void requireLaunched(const Released& released);
/// The same of a change without a release.
void requireLaunched(const runner::LaunchResult& result);

}  // namespace controller
