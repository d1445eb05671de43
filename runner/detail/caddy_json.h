// Caddy's configuration is JSON: words to write it with.
#pragma once

#include <initializer_list>
#include <utility>

#include "base/json.h"

namespace runner::detail {

using CaddyValue = Poco::Dynamic::Var;

inline CaddyValue object(std::initializer_list<std::pair<const char*, CaddyValue>> members) {
  auto made = base::makeJsonObject();
  for (const auto& [key, value] : members)
    made->set(key, value);
  return made;
}

inline CaddyValue array(std::initializer_list<CaddyValue> items) {
  auto made = base::makeJsonArray();
  for (const CaddyValue& item : items)
    made->add(item);
  return made;
}

}  // namespace runner::detail
