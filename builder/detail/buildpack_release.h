// What a buildpack's bin/release prints.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "store/model.h"

namespace builder::detail {

struct BuildpackRelease {
  std::vector<std::string> addons;
  store::ConfigVars configVars;
  store::ProcessTypes processTypes;
};

/// One sentence with the line's number.
struct ReleaseError {
  std::string message;
};

/// The part of YAML that buildpacks print: the three known keys with maps of scalars (block or flow style,
/// plain, quoted, folded and literal scalars) or lists of them; "---", "--- {}", "addons: []", null and
/// nothing at all. Other top-level keys are skipped. (Heroku Dev Center, Buildpack API, bin/release.)
std::variant<BuildpackRelease, ReleaseError> parseRelease(std::string_view text);

/// [A-Za-z_][A-Za-z0-9_]*
bool isConfigVarName(std::string_view name) noexcept;

}  // namespace builder::detail
