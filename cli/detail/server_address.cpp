#include "cli/detail/server_address.h"

#include <Poco/Exception.h>
#include <Poco/URI.h>

#include <sstream>

#include "base/error.h"
#include "base/fd.h"

namespace cli::detail {
namespace {

using base::Errc;
using base::Error;

constexpr std::size_t kNetrcMaxBytes = 1u << 20;

std::filesystem::path defaultDataFolder(const Surroundings& surroundings) {
  if (surroundings.isRoot) return "/var/lib/fairlead";
  const std::string xdg = surroundings.variable("XDG_DATA_HOME");
  return (xdg.empty() ? surroundings.home() / ".local/share" : std::filesystem::path(xdg)) / "fairlead";
}

LocalServer localServer(const Surroundings& surroundings, const std::filesystem::path& folder) {
  return {(surroundings.currentFolder / folder).lexically_normal()};
}

Poco::URI parseUrl(const std::string& url) {
  try {
    return Poco::URI(url);
  } catch (const Poco::Exception&) {
    throw Error(Errc::invalidArgument, "FAIRLEAD_URL is not a URL; give https://HOST or http://HOST:PORT");
  }
}

std::string tokenFor(const Surroundings& surroundings, const std::string& host) {
  const std::string token = surroundings.variable("FAIRLEAD_TOKEN");
  if (!token.empty() || surroundings.home().empty()) return token;
  const auto file = surroundings.home() / ".netrc";
  if (!std::filesystem::is_regular_file(file)) return {};
  return netrcPassword(base::readFile(file, kNetrcMaxBytes), host);
}

RemoteServer remoteServer(const Surroundings& surroundings, const std::string& url) {
  const Poco::URI uri = parseUrl(url);
  const bool secure = uri.getScheme() == "https";
  if ((!secure && uri.getScheme() != "http") || uri.getHost().empty()) {
    throw Error(Errc::invalidArgument,
                "FAIRLEAD_URL is not a URL of a server; give https://HOST or http://HOST:PORT");
  }
  RemoteServer server;
  server.secure = secure;
  server.authorities = surroundings.variable("SSL_CERT_FILE");
  if (server.authorities.empty()) server.authorities = surroundings.variable("SSL_CERT_DIR");
  server.url = url;
  server.host = uri.getHost();
  server.port = uri.getPort();
  server.pathPrefix = uri.getPath();
  while (!server.pathPrefix.empty() && server.pathPrefix.back() == '/')
    server.pathPrefix.pop_back();
  server.token = tokenFor(surroundings, server.host);
  return server;
}

}  // namespace

RemoteServer serverOfUrl(const Surroundings& surroundings, const std::string& url) {
  RemoteServer server = remoteServer(surroundings, url);
  server.token.clear();
  return server;
}

ServerAddress chooseServer(const Surroundings& surroundings, std::vector<std::string>& args) {
  constexpr std::string_view kData = "--data=";
  if (!args.empty() && args[0] == "--data") {
    if (args.size() < 2 || args[1].empty())
      throw Error(Errc::invalidArgument, "--data needs a folder: fairlead --data DIR COMMAND");
    const std::string folder = args[1];
    args.erase(args.begin(), args.begin() + 2);
    return localServer(surroundings, folder);
  }
  if (!args.empty() && args[0].starts_with(kData)) {
    const std::string folder = args[0].substr(kData.size());
    args.erase(args.begin());
    if (folder.empty())
      throw Error(Errc::invalidArgument, "--data needs a folder: fairlead --data DIR COMMAND");
    return localServer(surroundings, folder);
  }
  if (const std::string url = surroundings.variable("FAIRLEAD_URL"); !url.empty())
    return remoteServer(surroundings, url);
  if (const std::string folder = surroundings.variable("FAIRLEAD_DATA"); !folder.empty())
    return localServer(surroundings, folder);
  return localServer(surroundings, defaultDataFolder(surroundings));
}

std::string netrcPassword(const std::string& text, const std::string& host) {
  std::istringstream words(text);
  std::string word;
  bool matches = false;
  while (words >> word) {
    if (word == "machine") {
      words >> word;
      matches = word == host;
    } else if (word == "default") {
      matches = true;
    } else if (word == "macdef") {
      // A macro runs to the next empty line.
      std::getline(words, word);
      while (std::getline(words, word) && !word.empty()) {
      }
    } else if (word == "login" || word == "account") {
      words >> word;
    } else if (word == "password") {
      words >> word;
      if (matches) return word;
    }
  }
  return {};
}

}  // namespace cli::detail
