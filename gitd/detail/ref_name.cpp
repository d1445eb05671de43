#include "gitd/detail/ref_name.h"

#include <algorithm>

namespace gitd::detail {
namespace {

bool isComponent(std::string_view part) {
  if (part.empty() || part.front() == '.' || part.ends_with(".lock")) return false;
  if (part.find("..") != std::string_view::npos || part.find("@{") != std::string_view::npos) return false;
  return std::none_of(part.begin(), part.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte <= ' ' || byte == 0x7f || std::string_view("~^:?*[\\").find(c) != std::string_view::npos;
  });
}

}  // namespace

bool isRefName(std::string_view name) noexcept {
  if (name.size() > kMaxRefName || !name.starts_with("refs/") || name.ends_with('.')) return false;
  name.remove_prefix(5);
  int components = 0;
  while (true) {
    const std::size_t slash = name.find('/');
    if (!isComponent(name.substr(0, slash))) return false;
    ++components;
    if (slash == std::string_view::npos) break;
    name.remove_prefix(slash + 1);
  }
  return components >= 2;
}

bool isObjectId(std::string_view text) noexcept {
  return text.size() == 40 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

}  // namespace gitd::detail
