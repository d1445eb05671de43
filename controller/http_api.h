// What the HTTP listeners answer: health, commands, builds, the registry below /v2/, and Heroku's API.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/http.h"
#include "base/metrics.h"
#include "controller/backup.h"
#include "controller/command_input.h"
#include "controller/command_set.h"
#include "controller/token_book.h"
#include "registry/registry_handler.h"
#include "registry/token_api.h"

namespace controller {

/// The paths that are Heroku's, in api/. Thread-safe.
class RestApi {
 public:
  /// Throws unauthenticated, or permissionDenied for a token that is for something else.
  using Authenticate = std::function<Caller(const base::HttpRequest&)>;
  virtual ~RestApi() = default;
  virtual std::unique_ptr<Poco::Net::HTTPRequestHandler> handler(Authenticate authenticate) = 0;
};

/// All outlive the API.
struct HttpApiParts {
  RestApi& rest;
  CommandSet& commands;
  const base::Metrics& metrics;
  registry::RegistryApi& registry;
  const registry::TokenApi& tokenApi;
  const TokenBook& tokens;
  store::ReleaseStore& store;
  const Access& access;
  Backups& backups;
};

/// Thread-safe. Over TCP everything but /healthz, / and signed URLs asks for a token (Bearer, or Basic with
/// the token as password), and one that is not for the registry only; what its user may do is Access's to
/// say. The registry has rules of its own, and /metrics serves the loopback interface without a token. Over
/// the unix socket the caller is the machine's administrator.
class HttpApi {
 public:
  enum class Door { unixSocket, tcp };
  explicit HttpApi(const HttpApiParts& parts);
  /// The router for one listener.
  base::HttpRouter router(Door door);

 private:
  std::unique_ptr<Poco::Net::HTTPRequestHandler> route(Door door, const base::HttpRequest& request);
  Caller authenticate(Door door, const base::HttpRequest& request);
  void runCommand(Door door, base::HttpRequest& request, base::HttpResponse& response);
  void takeInput(Door door, base::HttpRequest& request, base::HttpResponse& response);
  void sendBackup(Door door, base::HttpRequest& request, base::HttpResponse& response);
  void sendMetrics(Door door, base::HttpRequest& request, base::HttpResponse& response);

  RestApi& rest_;
  CommandSet& commands_;
  const base::Metrics& metrics_;
  registry::RegistryApi& registry_;
  const registry::TokenApi& tokenApi_;
  const TokenBook& tokens_;
  store::ReleaseStore& store_;
  const Access& access_;
  Backups& backups_;
  CommandInputs inputs_;
};

}  // namespace controller
