// releases, releases:info, rollback, builds, builds:info, builds:output, builds:create, builds:cancel, slugs,
// slugs:download
#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/fd.h"
#include "base/strings.h"
#include "controller/build_phases.h"
#include "controller/build_watch.h"
#include "controller/command_set.h"
#include "controller/release_operations.h"
#include "controller/release_phase.h"
#include "controller/render.h"
#include "controller/report.h"
#include "controller/source_request.h"
#include "store/layer_writer.h"

namespace controller {
namespace {

constexpr std::size_t kListed = 50;

std::optional<store::Slug> slugOf(const Invocation& call, const store::Release& release) {
  if (!release.slug) return std::nullopt;
  return call.parts.store.getSlug(*release.slug);
}

int listReleases(const Invocation& call) {
  const store::App app = call.app();
  const store::Release current = call.parts.store.currentHead(app.id).release;
  auto json = base::makeJsonArray();
  std::vector<std::vector<std::string>> rows{
      {"=== " + app.name.str() + " Releases - Current: " + current.version.str()}};
  for (const auto& head : call.parts.store.releaseHeads(app.id, {.limit = call.number("num", kListed)})) {
    const store::Release& release = head.release;
    json->add(renderRelease(app, head, release.id == current.id ? Serving::yes : Serving::no));
    const std::string state =
        release.state == store::ReleaseState::succeeded ? "" : std::string(store::name(release.state));
    rows.push_back({release.version.str(), release.description, state, release.user,
                    base::toRfc3339(release.createdAt)});
  }
  call.print(json, table(rows));
  return 0;
}

int releaseInfo(const Invocation& call) {
  const store::App app = call.app();
  const store::Release current = call.parts.store.currentRelease(app.id);
  const store::Release release =
      call.args.empty() ? current
                        : call.parts.store.getRelease(app.id, store::ReleaseVersion::parse(call.args[0]));
  const auto slug = slugOf(call, release);
  auto json = releaseJson(call.parts, app, release);
  auto publications = base::makeJsonArray();
  std::vector<std::vector<std::string>> published;
  for (const auto& job : call.parts.publications.ofRelease(release.id)) {
    publications->add(renderPublication(job));
    published.push_back(
        {"Published:", job.target + ", " + describe(job, call.parts.publisher.progress(job.id))});
  }
  json->set("publications", publications);
  std::vector<std::vector<std::string>> rows{
      {"=== Release " + release.version.str()},
      {"App:", app.name.str()},
      {"Change:", release.description},
      {"State:", std::string(store::name(release.state))},
      {"Commit:", slug ? slug->commit : "none"},
      {"Slug:", slug ? slug->uuid : "none"},
      {"Stack:", release.stack},
      {"Run image:", release.runImage ? release.runImage->str() : "none"},
      {"Image:", release.manifest ? call.parts.urls.image(app.name, release.version) : "none"},
      {"Digest:", release.manifest ? release.manifest->str() : "none"},
      {"By:", release.user},
      {"When:", base::toRfc3339(release.createdAt)}};
  rows.insert(rows.end(), published.begin(), published.end());
  call.print(json, table(rows));
  return 0;
}

int rollback(const Invocation& call) {
  const store::App app = call.app();
  const Released released =
      rollBack(call.parts, app, call.args.empty() ? "" : call.args[0], call.caller.user);
  return reportRelease(call, app, released, releaseJson(call.parts, app, released.release));
}

store::Build buildNamed(const Invocation& call, const store::App& app) {
  if (!call.args.empty()) {
    std::uint64_t number = 0;
    if (!base::parseNumber(call.args[0], number))
      throw base::Error(base::Errc::invalidArgument,
                        "\"" + base::printable(call.args[0]) + "\" is no build number: see fairlead builds");
    return call.parts.store.getBuild(app.id, static_cast<std::int64_t>(number));
  }
  const auto newest = call.parts.store.builds(app.id, 1);
  if (newest.empty()) throw base::Error(base::Errc::notFound, "there are no builds yet: push to make one");
  return newest[0];
}

int listBuilds(const Invocation& call) {
  const store::App app = call.app();
  auto json = base::makeJsonArray();
  std::vector<std::vector<std::string>> rows{{"=== " + app.name.str() + " Builds"}};
  for (const store::Build& build : call.parts.store.builds(app.id, call.number("num", kListed))) {
    json->add(call.parts.buildView.json(app, build));
    rows.push_back({std::to_string(build.number), std::string(store::name(build.state)),
                    build.commit.substr(0, 8), build.buildpack, build.user, base::toRfc3339(build.createdAt),
                    build.failure});
  }
  call.print(json, table(rows));
  return 0;
}

int buildInfo(const Invocation& call) {
  const store::App app = call.app();
  const store::Build build = buildNamed(call, app);
  std::vector<std::vector<std::string>> rows{
      {"=== Build " + std::to_string(build.number)},
      {"State:", std::string(store::name(build.state)) + (build.failure.empty() ? "" : ": " + build.failure)},
      {build.tarball ? "Version:" : "Commit:", build.commit},
      {build.tarball ? "Source:" : "Ref:", build.tarball ? build.tarball->url : build.ref},
      {"By:", build.user},
      {"When:", base::toRfc3339(build.createdAt)}};
  for (const store::BuildpackUse& each : build.buildpacks) {
    const std::string from = each.url.empty() ? each.name : each.url + " " + each.version;
    rows.push_back({"Buildpack:", each.description + " (" + from + ")"});
    if (each.report.empty()) continue;
    std::string label = "Report:";
    for (const std::string& line : base::split(each.report, '\n'))
      rows.push_back({std::exchange(label, ""), line});
  }
  if (build.stackImage) rows.push_back({"Stack image:", build.stackImage->str()});
  for (const auto& [phase, ms] : phasesInOrder(build))
    rows.push_back({phase + ":", std::to_string(ms) + " ms"});
  if (!build.phaseMs.empty())
    rows.push_back({"own:", std::to_string(ownMs(build)) +
                                " ms, from the last byte received to the image committed, without what the "
                                "buildpacks ran"});
  call.print(call.parts.buildView.json(app, build), table(rows));
  return 0;
}

int buildOutput(const Invocation& call) {
  const store::App app = call.app();
  const store::Build build = buildNamed(call, app);
  if (const auto run = call.parts.deployer.find(build.id)) {
    if (call.flag("follow")) {
      followBuild(call.parts.deployer, *run, call.io.out, call.io.stop);
      return 0;
    }
  }
  const base::Fd file = base::openFile(call.parts.folder.buildLog(app.name, build.number), 0);
  std::string buffer(64u << 10, '\0');
  while (const std::size_t got = base::readSome(file, buffer.data(), buffer.size()))
    call.print(std::string_view(buffer).substr(0, got));
  return 0;
}

/// What was uploaded, or an https URL; the client puts an upload's URL in a file's place.
TarballRequest tarballOf(const Invocation& call, const std::string& source) {
  TarballRequest request;
  request.identity = {.user = call.caller.user, .fingerprint = ""};
  request.url = source;
  if (source.find("://") == std::string::npos && !source.starts_with("/sources/"))
    throw base::Error(base::Errc::invalidArgument,
                      "--source takes an https URL here: files are sent by the fairlead program");
  request.file = call.parts.sources.resolve(source);
  if (const auto checksum = call.option("checksum")) request.checksum = parseChecksum(*checksum);
  request.version = call.option("version").value_or("");
  checkVersion(request);
  return request;
}

Deployer::Submitted submitBuild(const Invocation& call, const store::App& app) {
  std::vector<std::string> options;
  for (const char* each : {"no-cache", "cancel-running"})
    if (call.flag(each)) options.emplace_back(each);
  if (const auto message = call.option("message")) options.push_back("message=" + *message);
  if (const auto buildpack = call.option("buildpack")) options.push_back("buildpack=" + *buildpack);
  if (const auto source = call.option("source")) {
    TarballRequest request = tarballOf(call, *source);
    request.options = std::move(options);
    return call.parts.deployer.submit(app, std::move(request));
  }
  if (call.option("version") || call.option("checksum"))
    throw base::Error(base::Errc::invalidArgument, "--version and --checksum belong to a --source");
  return call.parts.deployer.rebuild(
      app, {.user = call.caller.user, .fingerprint = ""}, options,
      call.flag("pushed") ? Deployer::Rebuild::pushed : Deployer::Rebuild::deployed);
}

int createBuild(const Invocation& call) {
  const store::App app = call.app();
  const Deployer::Submitted submitted = submitBuild(call, app);
  const store::Build build = submitted.run->build();
  if (call.flag("detach")) {
    call.print(call.parts.buildView.json(app, build),
               "Build " + std::to_string(build.number) + " is queued\n");
    return 0;
  }
  base::DiscardSink nowhere;
  const gitd::PushOutcome outcome =
      awaitBuild(call.parts.deployer, submitted, call.flag("json") ? nowhere : call.io.out, call.io.stop);
  if (call.flag("json"))
    call.print(call.parts.buildView.json(app, call.parts.store.getBuild(app.id, build.number)), "");
  if (outcome.accepted) return 0;
  throw base::Error(base::Errc::conflict, outcome.reason);
}

int cancelBuild(const Invocation& call) {
  const store::App app = call.app();
  const store::Build build = buildNamed(call, app);
  const auto run = call.parts.deployer.find(build.id);
  if (!run)
    throw base::Error(base::Errc::conflict, "build " + std::to_string(build.number) + " has ended already: " +
                                                std::string(store::name(build.state)));
  if (!call.parts.deployer.cancel(*run, "cancelled by " + call.caller.user))
    throw base::Error(base::Errc::conflict, "build " + std::to_string(build.number) +
                                                " is launching: use rollback when it is done");
  call.print(call.parts.buildView.json(app, call.parts.store.getBuild(app.id, build.number)),
             "Build " + std::to_string(build.number) + " cancelled\n");
  return 0;
}

int listSlugs(const Invocation& call) {
  const store::App app = call.app();
  auto json = base::makeJsonArray();
  std::vector<std::vector<std::string>> rows;
  for (const store::Slug& slug : call.parts.store.slugs(app.id, call.number("num", kListed))) {
    json->add(renderSlug(app, slug));
    rows.push_back({slug.uuid, slug.commit.substr(0, 8), base::formatBytes(slug.sizeBytes), slug.buildpack,
                    base::toRfc3339(slug.createdAt)});
  }
  call.print(json, table(rows));
  return 0;
}

int downloadSlug(const Invocation& call) {
  const store::App app = call.app();
  const store::Release release =
      call.args.empty() ? call.parts.store.currentRelease(app.id)
                        : call.parts.store.getRelease(app.id, store::ReleaseVersion::parse(call.args[0]));
  const auto slug = slugOf(call, release);
  if (!slug)
    throw base::Error(base::Errc::notFound, release.version.str() + " has no slug: push to make one");
  if (!call.io.save)
    throw base::Error(base::Errc::invalidArgument,
                      "slugs:download cannot write files over SSH: use the fairlead program");
  const bool zstd = !slug->layers.empty() && slug->layers[0].blob.mediaType == store::LayerWriter::kZstdLayer;
  const std::string file = call.option("output").value_or(app.name.str() + "-" + release.version.str() +
                                                          (zstd ? ".tar.zst" : ".tgz"));
  call.io.save({"/apps/" + app.name.str() + "/slugs/" + slug->uuid + "/blob", file});
  return 0;
}

int releaseOutput(const Invocation& call) {
  const store::App app = call.app();
  const store::ReleaseVersion version =
      call.args.empty() ? call.parts.store.releaseHeads(app.id, {.limit = 1}).at(0).release.version
                        : releaseNamed(call.parts.store, app, call.args[0]).version;
  CHECK(call.parts.releasePhase != nullptr);
  call.parts.releasePhase->copyOutput(app, version, call.io.out, call.io.stop);
  return 0;
}

}  // namespace

std::vector<CommandSpec> releaseCommands() {
  return {
      {"releases:output",
       "[vN] -a APP",
       "print what a release's release command said",
       0,
       1,
       {},
       releaseOutput,
       Action::viewApp},
      {"releases", "-a APP", "list the releases", 0, 0, {"num="}, listReleases, Action::viewApp},
      {"releases:info", "[vN] -a APP", "show a release", 0, 1, {}, releaseInfo, Action::viewApp},
      {"rollback",
       "[vN] -a APP",
       "release an earlier slug and config anew",
       0,
       1,
       {},
       rollback,
       Action::deployApp},
      {"builds", "-a APP", "list the builds", 0, 0, {"num="}, listBuilds, Action::viewApp},
      {"builds:info",
       "[N] -a APP",
       "show a build and how long its phases took",
       0,
       1,
       {},
       buildInfo,
       Action::viewApp},
      {"builds:output",
       "[N] -a APP [--follow]",
       "print a build's log",
       0,
       1,
       {"follow"},
       buildOutput,
       Action::viewApp},
      {"builds:create",
       "-a APP [--source FILE|FOLDER|URL [--version TEXT] [--checksum SHA256:HEX]] [--pushed] [--detach] "
       "[--no-cache] [--cancel-running] [--message TEXT] [--buildpack URL]",
       "build and release a tarball, a folder, or the deployed commit again",
       0,
       0,
       {"source=", "version=", "checksum=", "pushed", "detach", "no-cache", "cancel-running",
        "message=", "buildpack="},
       createBuild,
       Action::deployApp},
      {"builds:cancel", "[N] -a APP", "stop a build", 0, 1, {}, cancelBuild, Action::deployApp},
      {"slugs", "-a APP", "list the slugs", 0, 0, {"num="}, listSlugs, Action::viewApp},
      {"slugs:download",
       "[vN] -a APP [-o FILE]",
       "save a release's slug (.tgz or .tar.zst)",
       0,
       1,
       {"output="},
       downloadSlug,
       Action::viewApp},
  };
}

}  // namespace controller
