// What a machine needs to use the registry, as texts to paste.
#pragma once

#include <string>

#include "base/json.h"

namespace controller {

/// Everything that the texts are made of.
struct RegistryLogin {
  std::string url;     ///< "http://localhost:5000", "https://paas.example.org"
  std::string secret;  ///< the token
};

/// Commands and files for docker, podman (skopeo, buildah), containerd and Kubernetes.
struct LoginTexts {
  std::string host;            ///< "localhost:5000": what images' names begin with
  std::string docker;          ///< the command
  std::string podman;          ///< likewise
  std::string hostsFile;       ///< where containerd looks
  std::string hostsToml;       ///< what it reads there
  std::string kubernetes;      ///< the command that makes an imagePullSecret
  std::string dockerInsecure;  ///< /etc/docker/daemon.json where docker would insist on TLS; else empty
  std::string caFile;          ///< where docker looks for the CA of this host; empty without TLS
};

/// Any user name does; this is the one that is printed.
constexpr const char* kRegistryUser = "fairlead";

LoginTexts loginTexts(const RegistryLogin& login);
/// For people, with what each is for.
std::string explain(const LoginTexts& texts);
base::JsonObject::Ptr renderLogin(const LoginTexts& texts);

}  // namespace controller
