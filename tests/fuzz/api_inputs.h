// What the fuzzers of api/ and the replay of their corpus do with one input.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "api/range.h"
#include "api/shape.h"
#include "base/error.h"

namespace fuzz {

/// A Range header.
inline void listRange(std::string_view input) {
  const std::vector<std::string> fields{"version", "id"};
  try {
    const api::ListRange range = api::parseListRange(input, fields);
    CHECK(std::find(fields.begin(), fields.end(), range.field) != fields.end());
    CHECK(range.max >= 1 && range.max <= api::ListRange::kMostMax);
  } catch (const base::Error& error) {
    CHECK(error.code() == base::Errc::invalidArgument);
  }
}

/// A request's body.
inline void requestBody(std::string_view input) {
  const api::Shape shape = api::object(
      {api::required("name", api::orNull(api::text())),
       {"updates",
        api::listOf(api::object({api::required("type", api::text()), {"quantity", api::whole()}}))},
       {"vars", api::mapOf(api::orNull(api::text()))},
       {"tail", api::flag()}});
  try {
    api::requireShape(shape, base::parseJsonObject(input, "the request"), "the request");
  } catch (const base::Error& error) {
    CHECK(error.code() == base::Errc::invalidArgument);
  }
}

}  // namespace fuzz
