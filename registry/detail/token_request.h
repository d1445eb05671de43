// What a request to the token endpoint asks for.
#pragma once

#include <string>
#include <string_view>

#include "registry/access.h"

namespace registry::detail {

/// Of GET, where the credentials are in the header. Scopes may be given several times and separated by
/// spaces. Throws invalidArgument, as the other one does.
TokenQuestion parseTokenQuery(std::string_view query, std::string_view authorization);
/// Of POST: an application/x-www-form-urlencoded body. A form without credentials has them in the header.
TokenQuestion parseTokenForm(std::string_view body, std::string_view authorization);

}  // namespace registry::detail
