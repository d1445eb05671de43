// The part of YAML that buildpacks print.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace builder::detail {

struct YamlMember;

/// A value of a YAML document. Immutable once parsed.
struct YamlNode {
  enum class Kind { null, scalar, list, map };
  Kind kind = Kind::null;
  std::string scalar;
  std::vector<YamlNode> items;
  std::vector<YamlMember> members;

  /// The last member of that name, or nullptr.
  const YamlNode* member(std::string_view name) const;
};

/// One "name: value" of a map.
struct YamlMember {
  std::string name;
  YamlNode value;
};

/// One sentence with the line's number.
struct YamlError {
  std::string message;
};

/// Block and flow maps and lists, plain, quoted, literal and folded scalars, comments, "---". No anchors,
/// tags or further documents; every scalar is a string. At most 64 KiB and 16 levels. (YAML 1.2; a subset.)
std::variant<YamlNode, YamlError> parseYaml(std::string_view text);

}  // namespace builder::detail
