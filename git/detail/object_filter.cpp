#include "git/detail/object_filter.h"

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "base/strings.h"

namespace git::detail {
namespace {

constexpr int kMaxNesting = 8;
// Characters that a part of "combine:" must have encoded, beside controls, space and everything above '~'.
constexpr std::string_view kReserved = "~`!@#$^&*()[]{}\\;'\",<>?";

[[noreturn]] void refuse(const std::string& why) {
  throw base::Error(base::Errc::invalidArgument, why);
}

int hexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string decode(std::string_view text) {
  std::string plain;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '%' && at + 2 < text.size() && hexValue(text[at + 1]) >= 0 &&
        hexValue(text[at + 2]) >= 0) {
      plain.push_back(static_cast<char>(hexValue(text[at + 1]) * 16 + hexValue(text[at + 2])));
      at += 2;
    } else {
      plain.push_back(text[at]);
    }
  }
  return plain;
}

/// With k, m or g behind it.
std::optional<std::uint64_t> parseSize(std::string_view text) {
  unsigned shift = 0;
  if (!text.empty()) {
    const char unit = static_cast<char>(text.back() | 0x20);
    shift = unit == 'k' ? 10 : unit == 'm' ? 20 : unit == 'g' ? 30 : 0;
    if (shift != 0) text.remove_suffix(1);
  }
  std::uint64_t value = 0;
  if (!base::parseNumber(text, value) || value > (std::numeric_limits<std::uint64_t>::max() >> shift) - 1)
    return std::nullopt;
  return value << shift;
}

void merge(ObjectFilter& filter, std::string_view text, int nesting);

void mergeCombined(ObjectFilter& filter, std::string_view parts, int nesting) {
  filter.names.emplace_back("combine");
  if (parts.empty()) refuse("expected something after combine:");
  for (const std::string& part : base::split(parts, '+')) {
    const auto bad = std::find_if(part.begin(), part.end(), [](char c) {
      return static_cast<unsigned char>(c) <= ' ' || kReserved.find(c) != std::string_view::npos;
    });
    if (bad != part.end()) refuse(std::string("must escape char in sub-filter-spec: '") + *bad + "'");
    merge(filter, decode(part), nesting + 1);
  }
}

void merge(ObjectFilter& filter, std::string_view text, int nesting) {
  const auto after = [&](std::string_view prefix) { return text.substr(prefix.size()); };
  if (nesting > kMaxNesting) refuse("invalid filter-spec: too many levels of combine:");
  if (text == "blob:none") {
    filter.blobLimit = 0;
    filter.names.emplace_back("blob:none");
  } else if (text.starts_with("blob:limit=")) {
    const auto limit = parseSize(after("blob:limit="));
    if (!limit) refuse("invalid filter-spec '" + base::printable(text) + "'");
    filter.blobLimit = std::min(filter.blobLimit, *limit);
    filter.names.emplace_back("blob:limit");
  } else if (text.starts_with("tree:")) {
    const auto depth = parseSize(after("tree:"));
    if (!depth) refuse("expected 'tree:<depth>'");
    filter.treeDepth = std::min(filter.treeDepth, *depth);
    filter.names.emplace_back("tree");
  } else if (text.starts_with("object:type=")) {
    const auto type = parseObjectType(after("object:type="));
    if (!type)
      refuse("'" + base::printable(after("object:type=")) +
             "' for 'object:type=<type>' is not a valid object type");
    filter.types.push_back(*type);
    filter.names.emplace_back("object:type");
  } else if (text.starts_with("combine:")) {
    mergeCombined(filter, after("combine:"), nesting);
  } else if (text.starts_with("sparse:path=")) {
    refuse("sparse:path filters support has been dropped");
  } else if (text.starts_with("sparse:oid=")) {
    refuse("filter 'sparse:oid' not supported: use a sparse checkout with --filter=blob:none");
  } else {
    refuse("invalid filter-spec '" + base::printable(text) + "'");
  }
}

}  // namespace

bool ObjectFilter::takes(ObjectType type) const noexcept {
  return std::all_of(types.begin(), types.end(), [&](ObjectType each) { return each == type; });
}

ObjectFilter parseObjectFilter(std::string_view text) {
  ObjectFilter filter;
  merge(filter, text, 0);
  return filter;
}

}  // namespace git::detail
