// A certificate that nobody else vouches for.
#pragma once

#include <filesystem>
#include <string>

namespace base {

/// Two PEM files. What trusts the certificate file trusts whoever has the key.
struct SelfSigned {
  std::filesystem::path certificate;
  std::filesystem::path key;
};

/// FOLDER/NAME.pem and FOLDER/NAME.key (mode 0600), for `host` (a name or an IP address), localhost and
/// 127.0.0.1. Kept from one call to the next; made anew, for ten years, when there is none, it is for another
/// host, or less than a month of it is left. Throws io, internal.
SelfSigned keepSelfSigned(const std::filesystem::path& folder, const std::string& name,
                          const std::string& host);

}  // namespace base
