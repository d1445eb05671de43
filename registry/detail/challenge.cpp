#include "registry/detail/challenge.h"

#include "registry/origin.h"
#include "registry/token_api.h"
#include "store/model.h"

namespace registry::detail {
namespace {

using Kind = RegistryRequest::Kind;

}  // namespace

std::optional<Scope> scopeOf(const RegistryRequest& asked, const std::string& method) {
  if (asked.kind == Kind::catalog) return Scope{.type = "registry", .name = "catalog", .actions = {"*"}};
  // A stranger's text would end up in a header: it has to be a name.
  if (!store::RepositoryName::tryParse(asked.repository)) return std::nullopt;
  Scope scope{.type = "repository", .name = asked.repository, .actions = {"pull"}};
  if (method == "DELETE" && asked.kind != Kind::upload)
    scope.actions = {"delete"};
  else if (method != "GET" && method != "HEAD")
    scope.actions.emplace_back("push");
  return scope;
}

std::string challengeOf(const std::string& origin, const std::optional<Scope>& scope,
                        const std::string& error) {
  std::string text =
      "Bearer realm=\"" + origin + TokenApi::kPath + "\",service=\"" + hostOfOrigin(origin) + "\"";
  if (scope) text += ",scope=\"" + scope->str() + "\"";
  if (!error.empty()) text += ",error=\"" + error + "\"";
  return text;
}

}  // namespace registry::detail
