// Base64 as HTTP's Basic scheme and docker's configuration file have it.
#pragma once

#include <string>

namespace registry::detail {

/// Base64 of "USER:PASSWORD". (RFC 7617.)
std::string basicCredentials(const std::string& user, const std::string& password);
/// The other way; of what is no Base64 something without a ':'.
std::string decodeBase64(const std::string& text);

}  // namespace registry::detail
