// What a bearer is for, as clients ask for it and challenges name it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace registry {

/// One resource and what may be done with it: "repository:tools/one:pull,push", "registry:catalog:*".
/// (Docker registry token authentication, Token Scope.)
struct Scope {
  std::string type;  ///< "repository", "registry"; of others nothing is ever granted
  std::string name;
  std::vector<std::string> actions;  ///< each once, in the order they came in

  std::string str() const;
  bool has(std::string_view action) const;
  bool operator==(const Scope&) const = default;
};

/// Scopes separated by spaces, at most 4096 bytes; those of one resource become one. Throws invalidArgument
/// with a sentence for what is none.
std::vector<Scope> parseScopes(std::string_view text);
/// The same text again.
std::string textOf(const std::vector<Scope>& scopes);

}  // namespace registry
