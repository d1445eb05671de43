// Which server a command is for.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <variant>
#include <vector>

#include "cli/detail/surroundings.h"

namespace cli::detail {

/// The server of a data folder, reached over DIR/fairlead.sock.
struct LocalServer {
  std::filesystem::path dataFolder;
};

/// A server reached over HTTP, or HTTPS.
struct RemoteServer {
  std::string url;  ///< as the user gave it
  std::string host;
  std::uint16_t port = 80;
  std::string pathPrefix;  ///< "" or "/x", without a trailing slash
  std::string token;       ///< may be empty
  bool secure = false;     ///< by TLS
  /// What the certificate is held against: SSL_CERT_FILE, else SSL_CERT_DIR, else (empty) the system's.
  std::filesystem::path authorities;
};

using ServerAddress = std::variant<LocalServer, RemoteServer>;

/// Takes a leading "--data DIR" off `args`; else FAIRLEAD_URL (with FAIRLEAD_TOKEN or the password that
/// ~/.netrc has for the host), else FAIRLEAD_DATA, else the default folder: /var/lib/fairlead for root,
/// $XDG_DATA_HOME/fairlead or ~/.local/share/fairlead for others. Throws invalidArgument for a URL that
/// cannot be used.
ServerAddress chooseServer(const Surroundings& surroundings, std::vector<std::string>& args);

/// The server that a URL names, without a token: the URL itself may be the permission.
RemoteServer serverOfUrl(const Surroundings& surroundings, const std::string& url);

/// The password of `host` in a netrc file's text, or of its "default" entry, or "".
std::string netrcPassword(const std::string& text, const std::string& host);

}  // namespace cli::detail
