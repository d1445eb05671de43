// Names of hosts as people type them.
#pragma once

#include <string>
#include <string_view>

namespace controller {

/// As a request names it: lower case, letters beyond ASCII in punycode ("xn--..."), without a trailing dot;
/// the first label may be "*". Of at least two labels, and no IP address. Letters are not normalised: what
/// looks alike and is written otherwise is another host. Throws invalidArgument, saying what is wrong.
std::string normalHost(std::string_view text);

}  // namespace controller
