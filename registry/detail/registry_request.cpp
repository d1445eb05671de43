#include "registry/detail/registry_request.h"

#include <algorithm>

#include "base/strings.h"

namespace registry::detail {
namespace {

using Kind = RegistryRequest::Kind;

constexpr std::string_view kRoot = "/v2";
constexpr std::string_view kUploads = "/blobs/uploads/";

int hexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> percentDecoded(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    char c = text[at];
    if (c == '%') {
      if (text.size() - at < 3) return std::nullopt;
      const int high = hexValue(text[at + 1]);
      const int low = hexValue(text[at + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      at += 2;
    }
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return std::nullopt;
    decoded += c;
  }
  return decoded;
}

std::optional<std::multimap<std::string, std::string>> parseQuery(std::string_view text) {
  std::multimap<std::string, std::string> query;
  if (text.empty()) return query;
  for (const std::string& part : base::split(text, '&')) {
    const std::size_t equals = part.find('=');
    const auto name = percentDecoded(std::string_view(part).substr(0, equals));
    const auto value = percentDecoded(
        equals == std::string::npos ? std::string_view() : std::string_view(part).substr(equals + 1));
    if (!name || !value) return std::nullopt;
    query.emplace(*name, *value);
  }
  return query;
}

/// "/NAME/WORD/REFERENCE", where the reference has no slash.
bool splitAt(std::string_view path, std::string_view word, RegistryRequest& request) {
  const std::size_t referenceAt = path.rfind('/');
  if (referenceAt == std::string_view::npos) return false;
  const std::string_view head = path.substr(0, referenceAt);
  if (!head.starts_with('/') || !head.ends_with(word)) return false;
  request.reference = path.substr(referenceAt + 1);
  request.repository = head.substr(1, std::max<std::size_t>(head.size() - word.size(), 1) - 1);
  return true;
}

void parsePath(std::string_view path, RegistryRequest& request) {
  if (path.empty() || path == "/") {
    request.kind = Kind::version;
  } else if (path == "/_catalog") {
    request.kind = Kind::catalog;
  } else if (path.ends_with("/tags/list")) {
    request.kind = Kind::tags;
    path.remove_suffix(std::string_view("/tags/list").size());
    request.repository = path.substr(path.empty() ? 0 : 1);
  } else if (path.ends_with(kUploads) || path.ends_with(kUploads.substr(0, kUploads.size() - 1))) {
    request.kind = Kind::uploads;
    path.remove_suffix(kUploads.size() - (path.ends_with('/') ? 0 : 1));
    request.repository = path.substr(path.empty() ? 0 : 1);
  } else if (splitAt(path, "/blobs/uploads", request)) {
    request.kind = Kind::upload;
  } else if (splitAt(path, "/manifests", request)) {
    request.kind = Kind::manifest;
  } else if (splitAt(path, "/blobs", request)) {
    request.kind = Kind::blob;
  } else if (splitAt(path, "/referrers", request)) {
    request.kind = Kind::referrers;
  }
}

}  // namespace

std::optional<std::string> RegistryRequest::parameter(const std::string& name) const {
  const auto found = query.lower_bound(name);
  if (found == query.end() || found->first != name) return std::nullopt;
  return found->second;
}

std::optional<RegistryRequest> parseRegistryRequest(std::string_view uri) {
  const std::size_t question = uri.find('?');
  const auto path = percentDecoded(uri.substr(0, question));
  auto query = parseQuery(question == std::string_view::npos ? std::string_view() : uri.substr(question + 1));
  if (!path || !query) return std::nullopt;
  RegistryRequest request;
  request.query = *std::move(query);
  if (path->starts_with(kRoot)) parsePath(std::string_view(*path).substr(kRoot.size()), request);
  return request;
}

std::optional<std::multimap<std::string, std::string>> parseForm(std::string_view text) {
  std::string spaced(text);
  std::replace(spaced.begin(), spaced.end(), '+', ' ');
  return parseQuery(spaced);
}

}  // namespace registry::detail
