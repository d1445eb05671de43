#include "api/range.h"

#include <algorithm>
#include <cstdint>

#include "base/error.h"
#include "base/strings.h"

namespace api {
namespace {

[[noreturn]] void refuse(std::string_view header, const std::vector<std::string>& fields) {
  throw base::Error(base::Errc::invalidArgument,
                    "the Range \"" + base::printable(header) +
                        "\" is not right: it is FIELD FROM..TO; max=N, order=desc, and the fields are " +
                        base::join(fields, ", "));
}

/// "max=50" and "order=desc"; false for anything else.
bool readOption(std::string_view option, ListRange& range) {
  const std::string_view word = base::trim(option);
  if (word.empty()) return true;
  const auto equals = word.find('=');
  if (equals == std::string_view::npos) return false;
  const std::string_view name = base::trim(word.substr(0, equals));
  const std::string_view value = base::trim(word.substr(equals + 1));
  if (name == "order") {
    range.order = value == "desc" ? ListRange::Order::descending : ListRange::Order::ascending;
    return value == "desc" || value == "asc";
  }
  std::uint64_t count = 0;
  if (name != "max" || !base::parseNumber(value, count) || count == 0) return false;
  range.max = static_cast<std::size_t>(std::min<std::uint64_t>(count, ListRange::kMostMax));
  return true;
}

}  // namespace

ListRange parseListRange(std::string_view header, const std::vector<std::string>& fields) {
  ListRange range;
  range.field = fields.at(0);
  const std::string_view text = base::trim(header);
  if (text.empty()) return range;
  const auto semicolon = text.find(';');
  std::string_view bounds = base::trim(text.substr(0, semicolon));
  if (semicolon != std::string_view::npos) {
    std::string options(text.substr(semicolon + 1));
    std::replace(options.begin(), options.end(), ';', ',');  // clients write either, behind the last one, too
    for (const std::string& option : base::split(options, ','))
      if (!readOption(option, range)) refuse(header, fields);
  }
  const auto space = bounds.find(' ');
  range.field = std::string(bounds.substr(0, space));
  if (std::find(fields.begin(), fields.end(), range.field) == fields.end()) refuse(header, fields);
  if (space == std::string_view::npos) return range;
  bounds = base::trim(bounds.substr(space + 1));
  const auto dots = bounds.find("..");
  if (dots == std::string_view::npos) refuse(header, fields);
  std::string_view from = bounds.substr(0, dots);
  range.afterFrom = from.starts_with(']');
  if (from.starts_with(']') || from.starts_with('[')) from.remove_prefix(1);
  std::string_view to = bounds.substr(dots + 2);
  if (to.ends_with(']')) to.remove_suffix(1);
  range.from = from;
  range.to = to;
  return range;
}

}  // namespace api
