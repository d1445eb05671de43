// Builds of tarballs: /sources, /apps/A/sources, /apps/A/builds.
#include "api/route.h"
#include "api/shapes.h"
#include "api/stream_sink.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/strings.h"
#include "controller/build_watch.h"
#include "controller/disconnect_watch.h"
#include "controller/source_request.h"

namespace api {
namespace {

using base::Errc;
using base::Error;
using controller::Action;

constexpr std::size_t kListed = 1000;

base::JsonObject::Ptr buildJson(const Call& call, const store::Build& build) {
  return call.parts.control.buildView.json(call.app(), build, call.origin);
}

/// By id or number.
store::Build buildNamed(const Call& call) {
  const std::string& wanted = call.word("build");
  std::uint64_t number = 0;
  constexpr std::size_t kMaxDigits = 18;
  if (wanted.size() <= kMaxDigits && base::parseNumber(wanted, number))
    return call.store().getBuild(call.app().id, static_cast<std::int64_t>(number));
  if (auto build = call.store().findBuild(call.app().id, wanted)) return *std::move(build);
  throw Error(Errc::notFound, "there is no build \"" + base::printable(wanted) + "\" of this app");
}

Reply createSource(const Call& call) {
  const controller::SourceStore::Paths paths = call.parts.sources.create();
  auto blob = base::makeJsonObject();
  blob->set("get_url", call.origin + paths.get);
  blob->set("put_url", call.origin + paths.put);
  auto json = base::makeJsonObject();
  json->set("source_blob", blob);
  return reply(json, 201);
}

Reply putSource(const Call& call) {
  return {.send = [&sources = call.parts.sources](base::HttpRequest& request, base::HttpResponse& response) {
    base::RequestBody body(request);
    if (request.hasContentLength() &&
        request.getContentLength64() > static_cast<std::int64_t>(sources.maxBytes()))
      sources.refuseSize();
    sources.put(request.getURI(), body);
    base::sendBody(request, response, 200, "text/plain; charset=utf-8", "");
  }};
}

Reply getSource(const Call& call) {
  return {.send = [file = call.parts.sources.file(call.request.getURI())](base::HttpRequest& request,
                                                                          base::HttpResponse& response) {
    base::sendFile(request, response, file, "application/octet-stream", file.filename().string());
  }};
}

/// The newest first.
Reply listBuilds(const Call& call) {
  auto list = base::makeJsonArray();
  for (const store::Build& build : call.store().builds(call.app().id, kListed))
    list->add(buildJson(call, build));
  return reply(list);
}

Reply showBuild(const Call& call) {
  return reply(buildJson(call, buildNamed(call)));
}

Reply createBuild(const Call& call) {
  controller::TarballRequest tarball = controller::readBuildRequest(call.body);
  tarball.identity = {.user = call.caller.user, .fingerprint = ""};
  tarball.file = call.parts.sources.resolve(tarball.url);
  const auto submitted = call.parts.control.deployer.submit(call.app(), std::move(tarball));
  return reply(buildJson(call, call.store().getBuild(submitted.run->build().id)), 201);
}

/// From the first byte: of a build that goes on, until it ends.
Reply sendOutput(const Call& call) {
  const store::Build build = buildNamed(call);
  const controller::CommandParts& control = call.parts.control;
  const auto file = control.folder.buildLog(call.app().name, build.number);
  return {.send = [&control, build, file](base::HttpRequest& request, base::HttpResponse& response) {
    const auto run = control.deployer.find(build.id);
    const base::Fd log = run ? base::Fd() : base::openFile(file, 0);
    response.setContentType("text/plain; charset=utf-8");
    response.setChunkedTransferEncoding(true);
    StreamSink out(response.send());
    if (request.getMethod() == "HEAD") return;
    if (run) {
      const controller::DisconnectWatch watch(request);
      return controller::followBuild(control.deployer, *run, out, watch.token());
    }
    std::string buffer(64u << 10, '\0');
    while (const std::size_t count = base::readSome(log, buffer.data(), buffer.size()))
      out.write({buffer.data(), count});
  }};
}

Shape newBuild() {
  return object(
      {required("source_blob", object({{"url", text()},
                                       {"checksum", orNull(text())},
                                       {"version", orNull(text())},
                                       {"version_description", orNull(text())}})),
       {"buildpacks", orNull(listOf(object({{"url", orNull(text())}, {"name", orNull(text())}})))}});
}

Route bySignature(const std::string& method, const std::string& path, const std::string& summary) {
  return {.method = method,
          .path = path,
          .summary = summary,
          .answer = anything(),
          .handle = {},
          .action = Action::createApp,
          .door = Door::signature};
}

}  // namespace

std::vector<Route> buildRoutes() {
  Route put = bySignature("PUT", "/sources/{source}", "Upload a tarball for a build");
  put.handle = putSource;
  Route get = bySignature("GET", "/sources/{source}", "What was uploaded; Range, HEAD");
  get.handle = getSource;
  Route output = bySignature("GET", "/apps/{app}/builds/{build}/output", "A build's output, live");
  output.handle = sendOutput;
  output.action = Action::viewApp;
  return {
      {"POST", "/sources", "Two signed URLs for a tarball: to upload it, and to build it", sourceShape(),
       createSource, Action::createApp, std::nullopt, 201},
      {"POST", "/apps/{app}/sources", "The same", sourceShape(), createSource, Action::deployApp,
       std::nullopt, 201},
      put,
      get,
      {"GET", "/apps/{app}/builds", "The app's builds, the newest first", listOf(buildShape()), listBuilds,
       Action::viewApp},
      {"POST", "/apps/{app}/builds", "Build and release a tarball", buildShape(), createBuild,
       Action::deployApp, newBuild(), 201},
      {"GET", "/apps/{app}/builds/{build}", "One build, by id or number", buildShape(), showBuild,
       Action::viewApp},
      output,
  };
}

}  // namespace api
