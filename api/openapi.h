// The routes as an OpenAPI document.
#pragma once

#include <string>
#include <vector>

#include "api/route.h"

namespace api {

/// OpenAPI 3.0.3 as JSON. (OpenAPI specification, version 3.0.3.)
std::string openApiDocument(const std::vector<Route>& routes);

}  // namespace api
