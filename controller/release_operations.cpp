#include "controller/release_operations.h"

#include "base/error.h"
#include "base/strings.h"
#include "controller/render.h"

namespace controller {
namespace {

using base::Errc;
using base::Error;

constexpr std::size_t kUuidLength = 36;

/// The release to go back to: named, or the newest good one before the current.
store::Release rollbackTarget(store::ReleaseStore& store, const store::App& app, const std::string& named) {
  if (!named.empty()) {
    store::Release target = releaseNamed(store, app, named);
    if (!target.slug)
      throw Error(Errc::invalidArgument, target.version.str() + " has no slug: it cannot be rolled back to");
    if (target.state == store::ReleaseState::failed)
      throw Error(Errc::invalidArgument,
                  target.version.str() + " failed: it cannot be rolled back to; see fairlead releases");
    return target;
  }
  const store::ReleaseVersion current = store.currentHead(app.id).release.version;
  for (const auto& head : store.releaseHeads(app.id, {.last = current.number - 1})) {
    if (head.release.slug && head.release.state == store::ReleaseState::succeeded)
      return store.getRelease(app.id, head.release.version);
  }
  throw Error(Errc::notFound, "there is no earlier release to roll back to");
}

std::string shortCommit(const store::Slug& slug) {
  constexpr std::size_t kDigits = 8;
  return slug.commit.empty() ? "slug " + slug.uuid.substr(0, kDigits) : slug.commit.substr(0, kDigits);
}

}  // namespace

store::Release releaseNamed(store::ReleaseStore& store, const store::App& app,
                            const std::string& numberOrId) {
  if (numberOrId.size() != kUuidLength)
    return store.getRelease(app.id, store::ReleaseVersion::parse(numberOrId));
  if (const auto head = store.findReleaseHead(app.id, numberOrId))
    return store.getRelease(app.id, head->release.version);
  throw Error(Errc::notFound, "there is no release " + base::printable(numberOrId) + " of this app");
}

Released rollBack(const CommandParts& parts, const store::App& app, const std::string& release,
                  const std::string& user) {
  const auto lease = parts.locks.lock(app.id);
  const store::Release target = rollbackTarget(parts.store, app, release);
  const store::Release made =
      parts.releases.create(app, {.description = "Rollback to " + target.version.str(),
                                  .user = user,
                                  .slug = target.slug,
                                  .config = target.config,
                                  .configScopes = target.configScopes,
                                  .succeededBuild = std::nullopt,
                                  .base = ReleaseBase{target.stack, target.runImage}});
  return parts.releases.launch(app, made, [](std::string_view) {});
}

Released releaseSlug(const CommandParts& parts, const store::App& app, const SlugRelease& wish) {
  store::requireKept(wish.slug);
  const auto lease = parts.locks.lock(app.id);
  const bool own = wish.slug.app == app.id;
  std::string description = wish.description;
  if (description.empty() && own) description = "Deploy " + shortCommit(wish.slug);
  if (description.empty())
    description = "Promote " + parts.store.getApp(wish.slug.app).name.str() + " " + shortCommit(wish.slug);
  const std::int64_t slug = own ? wish.slug.id
                                : parts.store
                                      .createSlug({.app = app.id,
                                                   .commit = wish.slug.commit,
                                                   .stack = wish.slug.stack,
                                                   .buildpack = wish.slug.buildpack,
                                                   .layers = wish.slug.layers,
                                                   .processTypes = wish.slug.processTypes,
                                                   .defaultConfig = wish.slug.defaultConfig,
                                                   .commitDescription = wish.slug.commitDescription,
                                                   .checks = wish.slug.checks,
                                                   .cron = wish.slug.cron})
                                      .id;
  const store::Release made = parts.releases.create(app, {.description = description,
                                                          .user = wish.user,
                                                          .slug = slug,
                                                          .config = std::nullopt,
                                                          .succeededBuild = std::nullopt});
  return parts.releases.launch(app, made, [](std::string_view) {});
}

base::JsonObject::Ptr releaseJson(const CommandParts& parts, const store::App& app,
                                  const store::Release& release) {
  const std::int64_t version = release.version.number;
  const auto heads = parts.store.releaseHeads(app.id, {.first = version, .last = version});
  const bool serving = parts.store.currentHead(app.id).release.id == release.id;
  return renderRelease(app, heads.at(0), serving ? Serving::yes : Serving::no);
}

void requireLaunched(const Released& released) {
  if (!released.failed) return;
  throw Error(Errc::conflict, "release " + released.release.version.str() +
                                  " failed: " + released.failed->process + " " + released.failed->reason +
                                  "; the release before serves on, nothing else changed");
}

void requireLaunched(const runner::LaunchResult& result) {
  if (const auto* failed = std::get_if<runner::LaunchFailed>(&result))
    throw Error(Errc::conflict, failed->process + " " + failed->reason + "; what ran before serves on");
}

}  // namespace controller
