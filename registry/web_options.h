// How other servers are reached.
#pragma once

#include <chrono>
#include <filesystem>
#include <set>
#include <string>

namespace registry {

struct WebOptions {
  /// A PEM file with the authorities to trust; empty: the system's.
  std::filesystem::path caBundle;
  /// Hosts (HOST or HOST:PORT) that are spoken to without TLS, beside this machine itself.
  std::set<std::string> insecureHosts;
  std::string httpsProxy;  ///< http://[USER:PASSWORD@]HOST:PORT, or empty
  std::string httpProxy;
  std::string noProxy;  ///< names and suffixes, commas between, or "*"
  std::chrono::seconds connectTimeout{30};
  std::chrono::seconds silenceTimeout{300};  ///< a registry may hash for long before it answers

  bool speaksTls(const std::string& host) const;
};

}  // namespace registry
