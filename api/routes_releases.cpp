// /apps/A/releases.
#include <algorithm>
#include <limits>

#include "api/range.h"
#include "api/route.h"
#include "api/shapes.h"
#include "api/stream_sink.h"
#include "base/error.h"
#include "base/strings.h"
#include "controller/disconnect_watch.h"
#include "controller/release_operations.h"
#include "controller/release_phase.h"
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

/// With the URL of what its release command said, if it has one.
base::JsonObject::Ptr withOutput(const Call& call, base::JsonObject::Ptr json,
                                 store::ReleaseVersion version) {
  const auto* phase = call.parts.control.releasePhase;
  if (phase != nullptr && phase->hasOutput(call.app(), version))
    json->set("output_stream_url",
              call.origin + call.parts.signer.sign("GET", "/apps/" + call.app().name.str() + "/releases/" +
                                                              version.str() + "/output"));
  return json;
}

Reply listReleases(const Call& call) {
  const store::App& app = call.app();
  const ListRange range = parseListRange(call.request.get("Range", ""), kFields);
  const std::int64_t current = call.store().currentHead(app.id).release.id;
  Listing listing{.fields = kFields};
  for (const store::ReleaseHead& head : call.store().releaseHeads(app.id, rowsOf(range))) {
    const bool serving = head.release.id == current;
    listing.all.push_back(withOutput(
        call,
        controller::renderRelease(app, head, serving ? controller::Serving::yes : controller::Serving::no),
        head.release.version));
  }
  return page(call, std::move(listing));
}

/// Live, as a build's output is.
Reply sendOutput(const Call& call) {
  const auto version = store::ReleaseVersion::parse(call.word("release"));
  const auto* phase = call.parts.control.releasePhase;
  if (phase == nullptr || !phase->hasOutput(call.app(), version))
    throw Error(Errc::notFound, version.str() + " has no release output");
  return {
      .send = [phase, app = call.app(), version](base::HttpRequest& request, base::HttpResponse& response) {
        response.setContentType("text/plain; charset=utf-8");
        response.setChunkedTransferEncoding(true);
        StreamSink out(response.send());
        if (request.getMethod() == "HEAD") return;
        const controller::DisconnectWatch watch(request);
        phase->copyOutput(app, version, out, watch.token());
      }};
}

Reply showRelease(const Call& call) {
  const store::Release release = controller::releaseNamed(call.store(), call.app(), call.word("release"));
  return reply(
      withOutput(call, controller::releaseJson(call.parts.control, call.app(), release), release.version));
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
  const auto pending = store::PendingSlugStore(call.store()).find(id);
  if (pending &&
      call.parts.control.access.may(call.caller, Action::viewApp, call.store().getApp(pending->app)))
    throw Error(Errc::invalidArgument, controller::emptySlugSentence(id));
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
  return reply(withOutput(call, controller::releaseJson(call.parts.control, call.app(), released.release),
                          released.release.version),
               201);
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
      {.method = "GET",
       .path = "/apps/{app}/releases/{release}/output",
       .summary = "What its release command said, live",
       .answer = anything(),
       .handle = sendOutput,
       .action = Action::viewApp,
       .door = Door::signature},
  };
}

}  // namespace api
