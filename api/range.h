// Heroku's Range header: pages of a list. (Platform API reference, Ranges.)
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace api {

/// "version ]10..20; max=50, order=desc"
struct ListRange {
  static constexpr std::size_t kDefaultMax = 200;
  static constexpr std::size_t kMostMax = 1000;
  enum class Order { ascending, descending };
  std::string field;
  std::string from;        ///< empty: from the first
  std::string to;          ///< empty: to the last
  bool afterFrom = false;  ///< without `from` itself
  std::size_t max = kDefaultMax;
  Order order = Order::ascending;
};

/// `header` empty: the first field's. Throws invalidArgument naming what is wrong, and the fields there are.
ListRange parseListRange(std::string_view header, const std::vector<std::string>& fields);

}  // namespace api
