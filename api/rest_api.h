// Heroku's Platform API, version 3: a table of routes, and what is the same for all of them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "api/rate_limiter.h"
#include "api/route.h"
#include "controller/http_api.h"

namespace api {

/// Finds the route, asks who it is, counts, holds the body against the route's shape, and sends what the
/// handler gives with ETag, pages and errors in Heroku's form. An unknown path is 404 before anything else is
/// asked. Thread-safe. (Platform API reference; docs/api.md.)
class RestApi : public controller::RestApi {
 public:
  struct Config {
    std::uint64_t requestsPerHour = 4500;  ///< of a token; setting api_requests_per_hour, 0: no limit
  };
  RestApi(Config config, const Parts& parts);
  std::unique_ptr<Poco::Net::HTTPRequestHandler> handler(Authenticate authenticate) override;
  const std::vector<Route>& routes() const noexcept { return routes_; }

 private:
  class Handler;
  struct Found {
    const Route* route = nullptr;
    std::map<std::string, std::string> words;
    std::vector<std::string> methods;  ///< that are there at the path
  };
  Found find(const base::HttpRequest& request) const;
  void serve(base::HttpRequest& request, base::HttpResponse& response, const Authenticate& authenticate);
  void answer(base::HttpRequest& request, base::HttpResponse& response, const Reply& reply) const;
  void count(const base::HttpRequest& request, base::HttpResponse& response,
             const controller::Caller& caller);

  const Parts parts_;
  RateLimiter limiter_;
  std::vector<Route> routes_;
  std::vector<std::vector<std::string>> patterns_;  // the routes' paths, in pieces
  std::string document_;                            // OpenAPI
};

}  // namespace api
