// The part of YAML that buildpacks print.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace builder::detail {

/// A value of a YAML document. Immutable once parsed.
struct YamlNode {
  enum class Kind { null, scalar, list, map };
  Kind kind = Kind::null;
  std::string scalar;
  std::vector<YamlNode> items;
  std::vector<std::pair<std::string, YamlNode>> members;

  /// The last member of that name, or nullptr.
  const YamlNode* member(std::string_view name) const;
};

/// One sentence with the line's number.
struct YamlError {
  std::string message;
};

/// Block and flow maps and lists, plain, quoted, literal and folded scalars, comments, "---". No anchors,
/// tags or further documents; every scalar is a string. At most 64 KiB and 16 levels. (YAML 1.2; a subset.)
std::variant<YamlNode, YamlError> parseYaml(std::string_view text);

}  // namespace builder::detail
