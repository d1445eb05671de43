// What the API's routes are made of.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/shape.h"
#include "base/http.h"
#include "controller/command_set.h"
#include "controller/slug_uploads.h"
#include "controller/url_signer.h"
#include "store/blob_store.h"
#include "store/release_store.h"

namespace api {

/// Everything that handlers work with; all outlive the API.
struct Parts {
  const controller::CommandParts& control;
  const controller::UrlSigner& signer;
  store::DiskBlobStore& blobs;
  controller::SourceStore& sources;
  controller::SlugUploads& slugUploads;
};

/// One request, authenticated, its body held against the route's.
struct Call {
  const base::HttpRequest& request;
  const Parts& parts;
  const controller::Caller& caller;
  std::map<std::string, std::string> words;  ///< of the path: "release" -> "v3"
  std::optional<store::App> named;           ///< the app of a path with {app}
  base::JsonObject::Ptr body;                ///< of a route that takes one; else empty
  std::string origin;                        ///< how the client called this server: "http://localhost:5000"

  const store::App& app() const { return named.value(); }
  const std::string& word(const std::string& name) const { return words.at(name); }
  store::ReleaseStore& store() const { return parts.control.store; }
};

/// What is answered: a body of JSON, or a function that sends something else.
struct Reply {
  int status = 200;
  std::string json = {};
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::function<void(base::HttpRequest&, base::HttpResponse&)> send = {};
};

Reply reply(const base::JsonObject::Ptr& json, int status = 200);
Reply reply(const base::JsonArray::Ptr& json, int status = 200);

/// A list that clients may take in pages: by Range, of the fields named. (Platform API reference, Ranges.)
struct Listing {
  std::vector<base::JsonObject::Ptr> all;
  std::vector<std::string> fields;  ///< to sort by; the first unless the client names another
};
/// Status 200, or 206 when more is there. Throws invalidArgument for a Range that is none.
Reply page(const Call& call, Listing listing);

/// Whom a route lets in: who has a token; or whose URL is signed, too.
enum class Door { token, signature };

/// A row of the table, from which the OpenAPI document is made too.
struct Route {
  std::string method;
  std::string path;  ///< "/apps/{app}/releases/{release}"
  std::string summary;
  Shape answer;
  std::function<Reply(const Call&)> handle;
  /// Asked before it is handled, about the app when it is about one.
  controller::Action action = controller::Action::administer;
  std::optional<Shape> body = std::nullopt;
  int status = 200;
  Door door = Door::token;
};

/// The groups, each in a file of its own.
std::vector<Route> accessRoutes();
std::vector<Route> accountRoutes();
std::vector<Route> appRoutes();
std::vector<Route> buildRoutes();
std::vector<Route> configRoutes();
std::vector<Route> domainRoutes();
std::vector<Route> drainRoutes();
std::vector<Route> dynoRoutes();
std::vector<Route> logRoutes();
std::vector<Route> processRoutes();
std::vector<Route> releaseRoutes();
std::vector<Route> settingRoutes();
std::vector<Route> slugRoutes();

}  // namespace api
