#include "controller/builds_api.h"

#include <Poco/Net/SocketAddress.h>

#include <algorithm>
#include <ostream>

#include "base/error.h"
#include "base/fd.h"
#include "base/strings.h"
#include "controller/build_watch.h"
#include "controller/disconnect_watch.h"
#include "controller/source_request.h"
#include "registry/origin.h"

namespace controller {
namespace {

using base::Errc;
using base::Error;

constexpr std::size_t kMaxRequestBytes = 1u << 20;
constexpr std::size_t kListed = 1000;

/// As they stand there: nothing of ours needs to be escaped.
std::vector<std::string> pathParts(const std::string& uri) {
  std::vector<std::string> parts = base::split(uri.substr(0, uri.find('?')), '/');
  std::erase(parts, "");
  return parts;
}

[[noreturn]] void throwNothingHere() {
  throw Error(Errc::notFound, "there is nothing at this path");
}

/// Passes a build's output on to the client.
class ResponseSink : public base::ByteSink {
 public:
  explicit ResponseSink(std::ostream& stream) : stream_(stream) {}
  void write(std::string_view bytes) override {
    stream_.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    stream_.flush();
    if (!stream_.good()) throw Error(Errc::cancelled, "the client went away");
  }

 private:
  std::ostream& stream_;
};

}  // namespace

bool BuildsApi::serves(const std::string& path) {
  const auto parts = pathParts(path);
  if (parts.empty()) return false;
  if (parts[0] == "sources") return true;
  return parts[0] == "apps" && parts.size() >= 3 && (parts[2] == "builds" || parts[2] == "sources");
}

void BuildsApi::handle(base::HttpRequest& request, base::HttpResponse& response,
                       const std::function<Caller()>& authenticate) {
  const Call call{request, response, pathParts(request.getURI()), request.getMethod()};
  const auto& parts = call.parts;
  constexpr std::size_t kOutputParts = 5;
  if (parts[0] == "sources" && parts.size() == 2) return handleSource(call);
  if (parts.size() == kOutputParts && parts[2] == "builds" && parts[4] == "output") {
    // A signed URL is a permission by itself.
    if (!UrlSigner::isSigned(request.getURI()))
      return sendOutput(call, parts_.access.app(authenticate(), Action::viewApp, parts[1]));
    parts_.signer.check(call.method, request.getURI());
    return sendOutput(call, parts_.access.app(localAdministrator(), Action::viewApp, parts[1]));
  }
  const Caller caller = authenticate();
  if (parts[0] == "sources") {
    parts_.access.require(caller, Action::createApp);
    return createSource(call);
  }
  const bool changes = call.method == "POST";
  const store::App app = parts_.access.app(caller, changes ? Action::deployApp : Action::viewApp, parts[1]);
  if (parts[2] == "sources") return createSource(call);
  handleBuilds(call, app, caller);
}

std::string BuildsApi::origin(const base::HttpRequest& request) const {
  const bool local = request.serverAddress().family() == Poco::Net::SocketAddress::UNIX_LOCAL;
  return local ? parts_.urls.http() : registry::originOf(request, parts_.urls.http());
}

void BuildsApi::createSource(const Call& call) {
  if (call.method != "POST" || call.parts.back() != "sources") throwNothingHere();
  const SourceStore::Paths paths = parts_.sources.create();
  const std::string begin = origin(call.request);
  auto blob = base::makeJsonObject();
  blob->set("get_url", begin + paths.get);
  blob->set("put_url", begin + paths.put);
  auto json = base::makeJsonObject();
  json->set("source_blob", blob);
  base::sendJson(call.request, call.response, 201, base::toJson(json));
}

void BuildsApi::handleSource(const Call& call) {
  const std::string& uri = call.request.getURI();
  if (call.method == "PUT") {
    base::RequestBody body(call.request);
    if (call.request.hasContentLength() &&
        call.request.getContentLength64() > static_cast<std::int64_t>(parts_.sources.maxBytes()))
      parts_.sources.refuseSize();
    parts_.sources.put(uri, body);
    return base::sendBody(call.request, call.response, 200, "text/plain; charset=utf-8", "");
  }
  if (call.method != "GET" && call.method != "HEAD") throwNothingHere();
  const std::filesystem::path file = parts_.sources.file(uri);
  base::sendFile(call.request, call.response, file, "application/octet-stream", file.filename().string());
}

void BuildsApi::handleBuilds(const Call& call, const store::App& app, const Caller& caller) {
  if (call.parts.size() == 3 && call.method == "POST") return createBuild(call, app, caller);
  if (call.method != "GET" && call.method != "HEAD") throwNothingHere();
  if (call.parts.size() == 3) return listBuilds(call, app);
  if (call.parts.size() != 4) throwNothingHere();
  const store::Build build = buildNamed(app, call.parts[3]);
  base::sendJson(call.request, call.response, 200,
                 base::toJson(parts_.view.json(app, build, origin(call.request))));
}

void BuildsApi::createBuild(const Call& call, const store::App& app, const Caller& caller) {
  const auto body = base::parseJsonObject(base::readBody(call.request, kMaxRequestBytes, "1 MiB is the most"),
                                          "the request", kMaxRequestBytes);
  TarballRequest tarball = readBuildRequest(body);
  tarball.identity = {.user = caller.user, .fingerprint = ""};
  tarball.file = parts_.sources.resolve(tarball.url);
  const Deployer::Submitted submitted = parts_.deployer.submit(app, std::move(tarball));
  const store::Build build = parts_.store.getBuild(submitted.run->build().id);
  base::sendJson(call.request, call.response, 201,
                 base::toJson(parts_.view.json(app, build, origin(call.request))));
}

void BuildsApi::listBuilds(const Call& call, const store::App& app) {
  const std::string begin = origin(call.request);
  auto list = base::makeJsonArray();
  for (const store::Build& build : parts_.store.builds(app.id, kListed))
    list->add(parts_.view.json(app, build, begin));
  base::sendJson(call.request, call.response, 200, base::toJson(list));
}

/// From the first byte: of a build that goes on, until it ends.
void BuildsApi::sendOutput(const Call& call, const store::App& app) {
  if (call.method != "GET" && call.method != "HEAD") throwNothingHere();
  const store::Build build = buildNamed(app, call.parts[3]);
  const auto run = parts_.deployer.find(build.id);
  const base::Fd file = run ? base::Fd() : base::openFile(parts_.folder.buildLog(app.name, build.number), 0);
  call.response.setContentType("text/plain; charset=utf-8");
  call.response.setChunkedTransferEncoding(true);
  ResponseSink out(call.response.send());
  if (call.method == "HEAD") return;
  if (run) {
    const DisconnectWatch watch(call.request);
    return followBuild(parts_.deployer, *run, out, watch.token());
  }
  std::string buffer(64u << 10, '\0');
  while (const std::size_t count = base::readSome(file, buffer.data(), buffer.size()))
    out.write({buffer.data(), count});
}

store::Build BuildsApi::buildNamed(const store::App& app, const std::string& idOrNumber) {
  std::uint64_t number = 0;
  constexpr std::size_t kMaxDigits = 18;
  if (idOrNumber.size() <= kMaxDigits && base::parseNumber(idOrNumber, number))
    return parts_.store.getBuild(app.id, static_cast<std::int64_t>(number));
  if (auto build = parts_.store.findBuild(app.id, idOrNumber)) return *std::move(build);
  throw Error(Errc::notFound, "there is no build \"" + base::printable(idOrNumber) + "\" of this app");
}

}  // namespace controller
