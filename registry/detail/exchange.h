// What the registry's endpoints work with.
#pragma once

#include <string>

#include "base/http.h"
#include "registry/access.h"
#include "registry/detail/refusal.h"
#include "registry/detail/registry_metrics.h"
#include "registry/detail/registry_request.h"
#include "registry/registry_handler.h"

namespace registry::detail {

/// One request to a repository, with its answer.
struct Exchange {
  base::HttpRequest& request;
  base::HttpResponse& response;
  const RegistryRequest& asked;
  const store::RepositoryName& repository;
  const std::string& user;  ///< who asks; empty: nobody that is known
  RegistryMetrics& metrics;
};

/// A path below the exchange's repository: "/v2/NAME/KIND/REFERENCE". Without a host, so that it is right
/// behind any proxy.
inline std::string locationOf(const Exchange& exchange, const std::string& kind,
                              const std::string& reference) {
  return "/v2/" + exchange.repository.str() + "/" + kind + "/" + reference;
}

/// Answers without a body.
inline void sendStatus(const Exchange& exchange, int status) {
  base::sendBody(exchange.request, exchange.response, status, "text/plain", "");
}

}  // namespace registry::detail
