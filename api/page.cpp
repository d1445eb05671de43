// Lists in pages, for routes.
#include <algorithm>

#include "api/range.h"
#include "api/route.h"
#include "base/error.h"
#include "base/strings.h"

namespace api {
namespace {

using Entry = std::pair<std::string, base::JsonObject::Ptr>;

/// Numbers count as numbers: "9" comes before "10".
int compare(const std::string& left, const std::string& right) {
  std::uint64_t a = 0;
  std::uint64_t b = 0;
  if (base::parseNumber(left, a) && base::parseNumber(right, b)) return a < b ? -1 : (a > b ? 1 : 0);
  return left.compare(right);
}

std::vector<Entry> entriesBy(const std::string& field, const std::vector<base::JsonObject::Ptr>& all) {
  std::vector<Entry> entries;
  entries.reserve(all.size());
  for (const auto& json : all) {
    const Poco::Dynamic::Var value = json->get(field);
    entries.emplace_back(value.isEmpty() ? "" : value.convert<std::string>(), json);
  }
  return entries;
}

/// -1: before what the range takes, 1: behind it.
int placeIn(const ListRange& range, const std::string& key) {
  const int sign = range.order == ListRange::Order::descending ? -1 : 1;
  if (!range.from.empty()) {
    const int order = compare(key, range.from) * sign;
    if (order < 0 || (order == 0 && range.afterFrom)) return -1;
  }
  return !range.to.empty() && compare(key, range.to) * sign > 0 ? 1 : 0;
}

std::string optionsOf(const ListRange& range) {
  return "; max=" + std::to_string(range.max) +
         (range.order == ListRange::Order::descending ? ", order=desc" : "");
}

}  // namespace

Reply page(const Call& call, Listing listing) {
  const ListRange range = parseListRange(call.request.get("Range", ""), listing.fields);
  std::vector<Entry> entries = entriesBy(range.field, listing.all);
  std::erase_if(entries, [&](const Entry& entry) { return placeIn(range, entry.first) != 0; });
  std::stable_sort(entries.begin(), entries.end(), [&](const Entry& left, const Entry& right) {
    const int order = compare(left.first, right.first);
    return range.order == ListRange::Order::descending ? order > 0 : order < 0;
  });
  const bool more = entries.size() > range.max;
  if (more) entries.resize(range.max);
  auto list = base::makeJsonArray();
  for (const Entry& entry : entries)
    list->add(entry.second);
  Reply answer = reply(list, more ? 206 : 200);
  answer.headers.emplace_back("Accept-Ranges", base::join(listing.fields, ", "));
  if (!entries.empty())
    answer.headers.emplace_back("Content-Range", range.field + " " + entries.front().first + ".." +
                                                     entries.back().first + optionsOf(range));
  if (more)
    answer.headers.emplace_back(
        "Next-Range", range.field + " ]" + entries.back().first + ".." + range.to + optionsOf(range));
  return answer;
}

Reply reply(const base::JsonObject::Ptr& json, int status) {
  return {.status = status, .json = base::toJson(json)};
}

Reply reply(const base::JsonArray::Ptr& json, int status) {
  return {.status = status, .json = base::toJson(json)};
}

}  // namespace api
