// What the tests of the API stand on: a server on loopback, asked over HTTP.
#pragma once

#include <Poco/Net/HTTPClientSession.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <gmock/gmock.h>

#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "api/rest_api.h"
#include "base/error.h"
#include "base/strings.h"
#include "controller/release_phase.h"
#include "tests/support/fake_one_offs.h"
#include "tests/unit/controller/controller_test.h"

namespace api {

struct Answer {
  int status = 0;
  std::string body;
  std::map<std::string, std::string> headers;

  /// Of an object, or of a list under "list".
  base::JsonObject::Ptr json() const {
    const bool isList = body.starts_with('[');
    return base::parseJsonObject(isList ? "{\"list\":" + body + "}" : body, "the answer");
  }
  std::string at(const std::string& path) const {
    auto object = json();
    const auto names = base::split(path, '.');
    for (std::size_t i = 0; i + 1 < names.size(); ++i)
      object = object->getObject(names[i]);
    const Poco::Dynamic::Var value = object->get(names.back());
    return value.isEmpty() ? "" : value.convert<std::string>();
  }
  /// One member of each object of a list.
  std::vector<std::string> each(const std::string& member) const {
    std::vector<std::string> values;
    const auto list = json()->getArray("list");
    for (unsigned i = 0; i < list->size(); ++i)
      values.push_back(list->getObject(i)->get(member).convert<std::string>());
    return values;
  }
};

/// "Bearer good" is ada, and local she is not; "Bearer of bob" is bob.
class ApiTest : public controller::ControllerTest {
 protected:
  ApiTest() {
    releases_.beforeLaunch([this](const auto& app, const auto& deployment, const auto& progress) {
      return releasePhase_.run(app, deployment, progress);
    });
    server_ = base::HttpServer::onTcp(
        base::listenTcp("127.0.0.1:0", "http_listen"), [this](const base::HttpRequest&) {
          return rest_.handler([this](const base::HttpRequest& request) { return authenticate(request); });
        });
    urls_.setEndpoints({"127.0.0.1:2222", server_->address(), "127.0.0.1:8080", ""});
  }

  controller::Caller authenticate(const base::HttpRequest& request) {
    const std::string given = request.get("Authorization", "");
    if (given == "Bearer good") return identityOf("ada");
    if (given.starts_with("Bearer of ")) return identityOf(given.substr(10));
    throw base::Error(base::Errc::unauthenticated, "this needs a token");
  }

  using Headers = std::map<std::string, std::string>;
  /// Holds every good answer against its route's shape, too.
  Answer ask(const std::string& method, const std::string& path, const std::string& body = "",
             Headers headers = {}) {
    headers.emplace("Authorization", "Bearer good");
    Answer answer = send(method, path, body, headers);
    const Route* route = routeOf(method, path);
    if (route != nullptr && answer.status / 100 == 2 &&
        answer.headers["Content-Type"] == "application/json") {
      used_[route->method + " " + route->path] = answer.status;
      const auto json = answer.json();
      EXPECT_NO_THROW(
          requireShape(route->answer,
                       route->answer.kind == Shape::Kind::list ? json->get("list") : Poco::Dynamic::Var(json),
                       "the answer"))
          << method << " " << path << ": " << answer.body;
    }
    return answer;
  }
  Answer get(const std::string& path, Headers headers = {}) {
    return ask("GET", path, "", std::move(headers));
  }

  Answer send(const std::string& method, const std::string& path, const std::string& body,
              const Headers& headers) {
    const std::string address = server_->address();
    Poco::Net::HTTPClientSession session(
        "127.0.0.1", static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
    Poco::Net::HTTPRequest request(method, path, Poco::Net::HTTPRequest::HTTP_1_1);
    for (const auto& [name, value] : headers)
      request.set(name, value);
    request.setContentLength64(static_cast<std::int64_t>(body.size()));
    session.sendRequest(request) << body;
    Poco::Net::HTTPResponse response;
    std::istream& stream = session.receiveResponse(response);
    Answer answer{.status = response.getStatus(),
                  .body = {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()}};
    for (const auto& [name, value] : response)
      answer.headers[name] = value;
    return answer;
  }

  const Route* routeOf(const std::string& method, const std::string& uri) const {
    const auto path = base::split(uri.substr(0, uri.find('?')), '/');
    for (const Route& route : rest_.routes()) {
      const auto pattern = base::split(route.path, '/');
      bool same = route.method == method && pattern.size() == path.size();
      for (std::size_t i = 0; same && i < path.size(); ++i)
        same = pattern[i].starts_with('{') || pattern[i] == path[i];
      if (same) return &route;
    }
    return nullptr;
  }

  /// A route's path with the things that a test has.
  static std::string filled(std::string path, const std::string& key, const std::string& slug) {
    const std::map<std::string, std::string> words{{"{app}", "hello"},
                                                   {"{key}", key},
                                                   {"{slug}", slug},
                                                   {"{stack}", "debian-12"},
                                                   {"{region}", "us"},
                                                   {"{release}", "v2"},
                                                   {"{type}", "web"},
                                                   {"{dyno}", "web.1"},
                                                   {"{feature}", "cancel-running"},
                                                   {"{build}", "1"},
                                                   {"{user}", "bob"},
                                                   {"{domain}", "www.example.com"},
                                                   {"{drain}", "https:%2F%2Flogs.example.com%2F"}};
    for (const auto& [word, value] : words)
      if (const auto at = path.find(word); at != std::string::npos) path.replace(at, word.size(), value);
    return path;
  }

  store::App app(const std::string& name = "hello") { return store_.getApp(store::AppName::parse(name)); }
  /// As a push would leave it: a slug of one layer, released and launched.
  store::Slug deploy(const std::string& name = "hello",
                     const store::ProcessTypes& types = {{"web", "serve"}, {"worker", "work"}}) {
    const store::App target = app(name);
    if (!store_.findStack(target.stack)) putStack(target.stack, "base");
    const store::Build build = store_.createBuild(
        {.app = target.id, .commit = std::string(40, 'a'), .ref = "refs/heads/main", .user = "ada"});
    store::Layer slugLayer = layer("slug");
    slugLayer.blob.digest = store::putBlob(diskBlobs_, layerBytes_).digest;
    slugLayer.blob.sizeBytes = layerBytes_.size();
    store::putBlob(blobs_, layerBytes_);
    const store::Slug slug = store_.createSlug({.app = target.id,
                                                .commit = build.commit,
                                                .stack = target.stack,
                                                .buildpack = "Test",
                                                .layers = {slugLayer},
                                                .processTypes = types,
                                                .defaultConfig = {}});
    const store::Release release = releases_.create(target, {.description = "Deploy aaaaaaaa",
                                                             .user = "ada",
                                                             .slug = slug.id,
                                                             .config = std::nullopt,
                                                             .succeededBuild = build.id});
    releases_.launch(target, release, [](std::string_view) {});
    return slug;
  }

  const std::string layerBytes_ = "the bytes of a layer";
  controller::Deployer deployer_{
      {.queue = {}, .source = {.maxFiles = 100, .maxBytes = 1u << 20}},
      {folder_, urls_, store_, blobs_, layers_, builder_, stacks_, releases_, locks_, limits_, clock_}};
  controller::UrlSigner signer_{folder_.root() / "url_key", std::chrono::hours(1), clock_};
  controller::SourceStore sources_{folder_.sources(), {.maxBytes = 1u << 20}, signer_, clock_};
  controller::SlugUploads slugUploads_{{.maxPending = 5},
                                       {folder_, store_, builder_, limits_, signer_, clock_}};
  const controller::BuildView buildView_{store_, signer_, urls_};
  store::DiskBlobStore diskBlobs_{folder_.blobs()};
  controller::Collection collection_{{.retention = {}, .interval = {}}, store_, diskBlobs_, layers_};
  controller::Scrubbing scrubbing_{{.interval = {}, .stateFile = {}}, store_, diskBlobs_, clock_};
  store::PublicationStore publications_{store_};
  registry::RegistryCredentials credentials_{folder_.registryLogins()};
  registry::WebOptions web_;
  controller::ImagePublisher publisher_{{}, {store_, publications_, blobs_, credentials_, log_, clock_}};
  const controller::Accounts keysAndTokens_{store_, accounts_, access_, clock_};
  testing_support::FakeOneOffs oneOffs_;
  controller::ReleasePhase releasePhase_{{}, folder_, store_, oneOffs_};
  controller::CommandParts control_{
      folder_,      urls_,     store_,      accounts_,  access_,       keysAndTokens_,
      deployer_,    releases_, stacks_,     engine_,    log_,          runtime_,
      trees_,       locks_,    collection_, scrubbing_, publisher_,    publications_,
      credentials_, web_,      limits_,     sources_,   buildView_,    clock_,
      [](bool) {},  {},        &oneOffs_,   nullptr,    &releasePhase_};
  RestApi rest_{{.requestsPerHour = 1000}, {control_, signer_, diskBlobs_, sources_, slugUploads_}};
  std::map<std::string, int> used_;           ///< routes that gave a good answer
  std::unique_ptr<base::HttpServer> server_;  // last: its threads use what is above
};

}  // namespace api
