// /apps/A/releases.
#include <algorithm>
#include <limits>

#include "api/range.h"
#include "api/route.h"
#include "api/shapes.h"
#include "base/error.h"
#include "base/strings.h"
#include "controller/release_operations.h"
#include "controller/render.h"

namespace api {
namespace {

using base::Errc;
using base::Error;
using controller::Action;

const std::vector<std::string> kFields{"version", "id"};

std::optional<std::int64_t> versionIn(const std::string& bound) {
  std::uint64_t number = 0;
  constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
  if (!base::parseNumber(bound, number) || number > kMost) return std::nullopt;
  return static_cast<std::int64_t>(number);
}

/// What the database is asked for: one more than the page has, so that it is known whether there is more.
store::ReleaseRange rowsOf(const ListRange& range) {
  store::ReleaseRange rows;
  if (range.field != "version") {
    rows.limit = std::numeric_limits<std::size_t>::max();
    return rows;
  }
  const bool newestFirst = range.order == ListRange::Order::descending;
  rows.limit = range.max + (range.afterFrom ? 2 : 1);
  rows.order =
      newestFirst ? store::ReleaseRange::Order::newestFirst : store::ReleaseRange::Order::oldestFirst;
  const auto from = versionIn(range.from);
  const auto to = versionIn(range.to);
  if (from) (newestFirst ? rows.last : rows.first) = *from;
  if (to) (newestFirst ? rows.first : rows.last) = *to;
  return rows;
}

Reply listReleases(const Call& call) {
  const store::App& app = call.app();
  const ListRange range = parseListRange(call.request.get("Range", ""), kFields);
  const std::int64_t current = call.store().currentHead(app.id).release.id;
  Listing listing{.fields = kFields};
  for (const store::ReleaseHead& head : call.store().releaseHeads(app.id, rowsOf(range))) {
    const bool serving = head.release.id == current;
    listing.all.push_back(
        controller::renderRelease(app, head, serving ? controller::Serving::yes : controller::Serving::no));
  }
  return page(call, std::move(listing));
}

Reply showRelease(const Call& call) {
  const store::Release release = controller::releaseNamed(call.store(), call.app(), call.word("release"));
  return reply(controller::releaseJson(call.parts.control, call.app(), release));
}

Reply showConfig(const Call& call) {
  const store::Release release = controller::releaseNamed(call.store(), call.app(), call.word("release"));
  return reply(controller::renderConfig(release.config));
}

store::Slug slugToRelease(const Call& call, const std::string& id) {
  auto slug = call.store().findSlug(id);
  // Of an app that the caller may view, or it would learn what is in others.
  if (slug && call.parts.control.access.may(call.caller, Action::viewApp, call.store().getApp(slug->app)))
    return *std::move(slug);
  throw Error(Errc::notFound, "there is no slug " + base::printable(id));
}

controller::Released makeRelease(const Call& call) {
  const std::string release = base::jsonString(call.body, "release");
  const std::string slug = base::jsonString(call.body, "slug");
  if (release.empty() == slug.empty())
    throw Error(Errc::invalidArgument,
                "the request must have either release, to go back to, or slug, to be released");
  if (!release.empty())
    return controller::rollBack(call.parts.control, call.app(), release, call.caller.user);
  return controller::releaseSlug(call.parts.control, call.app(),
                                 {.slug = slugToRelease(call, slug),
                                  .description = base::jsonString(call.body, "description"),
                                  .user = call.caller.user});
}

Reply createRelease(const Call& call) {
  const controller::Released released = makeRelease(call);
  controller::requireLaunched(released);
  return reply(controller::releaseJson(call.parts.control, call.app(), released.release), 201);
}

}  // namespace

std::vector<Route> releaseRoutes() {
  return {
      {"GET", "/apps/{app}/releases", "The app's releases", listOf(releaseShape()), listReleases,
       Action::viewApp},
      {"POST", "/apps/{app}/releases", "Go back to a release, or release a slug, also of another app",
       releaseShape(), createRelease, Action::deployApp,
       object({{"release", text()}, {"slug", text()}, {"description", text()}}), 201},
      {"GET", "/apps/{app}/releases/{release}", "One release, by number or id", releaseShape(), showRelease,
       Action::viewApp},
      {"GET", "/apps/{app}/releases/{release}/config-vars", "The release's config vars", configShape(),
       showConfig, Action::operateApp},
  };
}

}  // namespace api
