// What a request below /v2/ asks for.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace registry::detail {

/// A request's path and query, taken apart and percent-decoded once; the parts are as the client wrote them,
/// not yet checked against any grammar.
struct RegistryRequest {
  enum class Kind { version, catalog, tags, manifest, blob, uploads, upload, referrers, unknown };
  Kind kind = Kind::unknown;
  std::string repository;  ///< of all but version, catalog and unknown
  std::string reference;   ///< tag or digest of manifest; digest of blob and referrers; UUID of upload
  std::multimap<std::string, std::string> query;

  /// A parameter's first value; nullopt when it is not there.
  std::optional<std::string> parameter(const std::string& name) const;
};

/// nullopt for an escape that is none, or that hides a control character. A repository's name may hold any of
/// the API's own words: the last one that fits counts. (OCI distribution-spec, Endpoints.)
std::optional<RegistryRequest> parseRegistryRequest(std::string_view uri);

/// Parameters as forms have them, where a '+' is a space; nullopt as above.
std::optional<std::multimap<std::string, std::string>> parseForm(std::string_view text);

}  // namespace registry::detail
