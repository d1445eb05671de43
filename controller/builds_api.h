// Builds over HTTP: sources, builds, their output. (Heroku Platform API reference: Source, Build.)
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/http.h"
#include "controller/build_view.h"
#include "controller/command_set.h"
#include "controller/deployer.h"
#include "controller/source_store.h"

namespace controller {

/// All outlive the API.
struct BuildsApiParts {
  const DataFolder& folder;
  const PublicUrls& urls;
  store::ReleaseStore& store;
  Deployer& deployer;
  SourceStore& sources;
  const UrlSigner& signer;
  const BuildView& view;
  const Access& access;
};

/// POST /sources and /apps/APP/sources, PUT and GET of a source, POST and GET /apps/APP/builds, GET
/// /apps/APP/builds/BUILD (UUID or number) and its output. Signed URLs need no token. Thread-safe.
class BuildsApi {
 public:
  explicit BuildsApi(BuildsApiParts parts) : parts_(parts) {}

  static bool serves(const std::string& path);
  /// Of a path that it serves. `authenticate` throws unauthenticated; what the caller may, Access says.
  void handle(base::HttpRequest& request, base::HttpResponse& response,
              const std::function<Caller()>& authenticate);

 private:
  struct Call {
    base::HttpRequest& request;
    base::HttpResponse& response;
    std::vector<std::string> parts;  // of the path
    std::string method;
  };
  void handleSource(const Call& call);
  void handleBuilds(const Call& call, const store::App& app, const Caller& caller);
  void createSource(const Call& call);
  void createBuild(const Call& call, const store::App& app, const Caller& caller);
  void listBuilds(const Call& call, const store::App& app);
  void sendOutput(const Call& call, const store::App& app);
  store::Build buildNamed(const store::App& app, const std::string& idOrNumber);
  std::string origin(const base::HttpRequest& request) const;

  const BuildsApiParts parts_;
};

}  // namespace controller
