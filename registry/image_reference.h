// Where an image is: a registry, a repository in it, a tag or a digest.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "store/model.h"

namespace registry {

/// A repository of a registry elsewhere. What names no host is docker.io's, and there a name of one word is
/// below library/: as docker and everybody after it reads it.
struct ImageReference {
  std::string host;  ///< "ghcr.io", "localhost:5000", "[::1]:5000", "docker.io"
  store::RepositoryName repository;
  std::string tag;                      ///< empty: none was named
  std::optional<store::Digest> digest;  ///< wins over the tag

  /// [docker://][HOST[:PORT]/]NAME[:TAG][@DIGEST]; throws invalidArgument with the form in words.
  static ImageReference parse(std::string_view text);
  /// "HOST/NAME", without tag and digest.
  std::string name() const { return host + "/" + repository.str(); }
  /// What stands in a manifest's URL: the digest, else the tag, else "latest".
  std::string reference() const;
};

/// Whether `host` (with or without a port) is this machine: spoken to without TLS unless it is said
/// otherwise.
bool isLoopbackHost(std::string_view host);
/// HOST or HOST:PORT of a name's or an address's letters.
bool isRegistryHost(std::string_view text);

}  // namespace registry
