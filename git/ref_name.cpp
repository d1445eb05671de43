#include "git/ref_name.h"

#include <algorithm>

namespace git {
namespace {

bool isComponent(std::string_view part) {
  if (part.empty() || part.front() == '.' || part.ends_with(".lock")) return false;
  if (part.find("..") != std::string_view::npos || part.find("@{") != std::string_view::npos) return false;
  return std::none_of(part.begin(), part.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte <= ' ' || byte == 0x7f || std::string_view("~^:?*[\\").find(c) != std::string_view::npos;
  });
}

/// How many components follow "refs/"; 0 when one of them is bad.
int componentsBelowRefs(std::string_view name) {
  if (name.size() > kMaxOldRefName || !name.starts_with("refs/") || name.ends_with('.')) return 0;
  name.remove_prefix(5);
  for (int components = 1;; ++components) {
    const std::size_t slash = name.find('/');
    if (!isComponent(name.substr(0, slash))) return 0;
    if (slash == std::string_view::npos) return components;
    name.remove_prefix(slash + 1);
  }
}

}  // namespace

bool isRefName(std::string_view name) noexcept {
  return name.size() <= kMaxRefName && componentsBelowRefs(name) >= 2;
}

bool isOldRefName(std::string_view name) noexcept {
  return componentsBelowRefs(name) >= 1;
}

bool isPseudoRefName(std::string_view name) noexcept {
  return !name.empty() && name.size() <= kMaxRefName && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
  });
}

}  // namespace git
