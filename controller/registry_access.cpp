#include "controller/registry_access.h"

#include <utility>

#include "base/error.h"
#include "registry/authorization.h"
#include "store/acting.h"

namespace controller {
namespace {

using registry::Decision;
using registry::Scope;
using registry::Verdict;
using store::TokenKind;

bool isBelow(std::string_view repository, const store::AppName& app) {
  return repository.size() > app.str().size() + 1 && repository.starts_with(app.str() + "/");
}

/// Whether the token carries this right of its user.
bool carries(const store::Token& token, registry::Action action, std::string_view repository) {
  switch (action) {
    case registry::Action::check:
      return true;
    case registry::Action::list:
      return !token.app;
    case registry::Action::pull:
    case registry::Action::mount:
      // An app's own images carry its config.
      if (token.kind == TokenKind::read && !repository.empty() && repository.find('/') == std::string::npos)
        return false;
      return !token.app || repository.empty() || repository == token.app->str() ||
             isBelow(repository, *token.app);
    default:
      return token.kind != TokenKind::pull && token.kind != TokenKind::read &&
             (!token.app || isBelow(repository, *token.app));
  }
}

bool isRead(registry::Action action) {
  return action == registry::Action::pull || action == registry::Action::list;
}

/// The word that a scope has for it.
std::string_view wordFor(registry::Action action) {
  switch (action) {
    case registry::Action::push:
      return "push";
    case registry::Action::remove:
      return "delete";
    case registry::Action::list:
      return "*";
    default:
      return "pull";
  }
}

bool covers(const std::vector<Scope>& scopes, registry::Action action, std::string_view repository) {
  if (action == registry::Action::mount || (action == registry::Action::pull && repository.empty()))
    return true;
  const std::string_view type = action == registry::Action::list ? "registry" : "repository";
  const std::string_view name = action == registry::Action::list ? "catalog" : repository;
  for (const Scope& scope : scopes)
    if (scope.type == type && scope.name == name && scope.has(wordFor(action))) return true;
  return false;
}

}  // namespace

/// Asked and allowed; "*" asks for everything that there is.
Scope RegistryAccess::granted(const RegistryCaller& caller, const Scope& asked) const {
  Scope scope{.type = asked.type, .name = asked.name, .actions = {}};
  if (asked.type == "registry" && asked.name == "catalog") {
    if (asked.has("*") && mayAct(caller, registry::Action::list, "")) scope.actions.emplace_back("*");
  } else if (asked.type == "repository") {
    for (const registry::Action action :
         {registry::Action::pull, registry::Action::push, registry::Action::remove}) {
      const std::string_view word = wordFor(action);
      if ((asked.has(word) || asked.has("*")) && mayAct(caller, action, asked.name))
        scope.actions.emplace_back(word);
    }
  }
  return scope;
}

bool RegistryAccess::mayAct(const RegistryCaller& caller, registry::Action action,
                            std::string_view repository) const {
  if (!caller.token) return caller.mayReadAnonymously && isRead(action);
  return carries(*caller.token, action, repository) && userMay(caller, action, repository);
}

bool RegistryAccess::userMay(const RegistryCaller& caller, registry::Action action,
                             std::string_view repository) const {
  if (caller.identity.user.empty()) return false;
  if (caller.identity.role == store::Role::admin || action == registry::Action::check) return true;
  if (action == registry::Action::list) return false;  // it would name the apps of others
  if (repository.empty()) return isRead(action);
  const auto name = store::AppName::tryParse(repository.substr(0, repository.find('/')));
  const auto app = name ? parts_.store.findApp(*name) : std::nullopt;
  if (!app) return false;
  // Images of releases carry the config, which is not for everybody who may look at the app.
  const bool reads = isRead(action) || action == registry::Action::mount;
  const auto needed = reads && repository != name->str() ? Action::viewApp : Action::deployApp;
  Identity user = caller.identity;  // whatever the token says about commands
  user.token = TokenKind::full;
  user.onlyApp.reset();
  return parts_.access.may(user, needed, *app);
}

RegistryCaller RegistryAccess::nobody(bool fromLoopback) const {
  return {.token = std::nullopt,
          .identity = {},
          .mayReadAnonymously = fromLoopback && parts_.anonymous == AnonymousPull::loopback};
}

RegistryCaller RegistryAccess::callerOf(store::Token token) const {
  RegistryCaller caller{.token = std::move(token), .identity = {}};
  caller.identity = parts_.access.ofToken(*caller.token);
  store::ActingAs::become({caller.identity.user, caller.identity.via});
  return caller;
}

Decision RegistryAccess::judge(const registry::AccessQuestion& question) const {
  const auto given = registry::parseAuthorization(question.authorization);
  using Scheme = registry::Authorization::Scheme;
  if (given.scheme == Scheme::none)
    return mayAct(nobody(question.fromLoopback), question.action, question.repository) ? Verdict::allowed
                                                                                       : Verdict::logIn;
  if (given.scheme == Scheme::bearer && Bearers::looksLikeOne(given.secret))
    return judgeBearer(question, given.secret);
  const auto token = parts_.tokens.find(given.secret);
  if (!token) return Verdict::logIn;
  const RegistryCaller caller = callerOf(*token);
  const bool allowed = mayAct(caller, question.action, question.repository);
  return {allowed ? Verdict::allowed : Verdict::denied, caller.identity.user};
}

Decision RegistryAccess::judgeBearer(const registry::AccessQuestion& question, std::string_view text) const {
  const auto bearer = parts_.bearers.open(text);
  if (!bearer) return Verdict::logIn;
  RegistryCaller caller = nobody(question.fromLoopback);
  if (bearer->token != 0) {
    const auto token = parts_.tokens.find(bearer->token);
    if (!token) return Verdict::logIn;
    caller = callerOf(*token);
  }
  if (question.action == registry::Action::check)  // clients try what they were given here
    return {caller.token || caller.mayReadAnonymously ? Verdict::allowed : Verdict::logIn,
            caller.identity.user};
  const bool allowed = covers(bearer->scopes, question.action, question.repository) &&
                       mayAct(caller, question.action, question.repository);
  return {allowed ? Verdict::allowed : Verdict::insufficient, caller.identity.user};
}

RegistryCaller RegistryAccess::identify(const registry::TokenQuestion& question) const {
  const RegistryCaller nobody = this->nobody(question.fromLoopback);
  std::optional<store::Token> token;
  if (question.refreshToken) {
    const auto id = parts_.bearers.openRefresh(*question.refreshToken);
    token = id ? parts_.tokens.find(*id) : std::nullopt;
  } else if (question.secret) {
    token = parts_.tokens.find(*question.secret);
  } else {
    if (nobody.mayReadAnonymously) return nobody;
    throw base::Error(base::Errc::unauthenticated,
                      "this registry asks for a login: fairlead registry:login on the server makes one");
  }
  if (token) return callerOf(*std::move(token));
  throw base::Error(
      base::Errc::unauthenticated,
      "the password is no token of this server: fairlead registry:login on the server makes one");
}

registry::TokenAnswer RegistryAccess::issue(const registry::TokenQuestion& question) const {
  const RegistryCaller caller = identify(question);
  const std::int64_t id = caller.token ? caller.token->id : 0;
  registry::TokenAnswer answer{.bearer = "",
                               .refreshToken = question.refreshToken.value_or(""),
                               .granted = {},
                               .issuedAt = parts_.clock.now(),
                               .lifetime = Bearers::kLifetime};
  for (const Scope& asked : question.scopes) {
    Scope scope = granted(caller, asked);
    if (!scope.actions.empty()) answer.granted.push_back(std::move(scope));
  }
  answer.bearer = parts_.bearers.make({.token = id, .scopes = answer.granted});
  if (question.offline && caller.token && answer.refreshToken.empty())
    answer.refreshToken = parts_.bearers.makeRefresh(id);
  return answer;
}

}  // namespace controller
