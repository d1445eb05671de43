// What a registry asks for with a 401.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace registry::detail {

/// One challenge of a WWW-Authenticate header. (RFC 9110, section 11.3.)
struct AuthChallenge {
  std::string scheme;                             ///< in small letters: "bearer", "basic"
  std::map<std::string, std::string> parameters;  ///< names in small letters; values without quotes

  std::string parameter(const std::string& name) const {
    const auto found = parameters.find(name);
    return found == parameters.end() ? std::string() : found->second;
  }
};

/// Those of one header, as far as they can be read: at most 16, and of the first 8 KiB.
std::vector<AuthChallenge> parseAuthChallenges(std::string_view header);

}  // namespace registry::detail
