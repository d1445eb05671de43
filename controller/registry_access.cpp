#include "controller/registry_access.h"

#include <utility>

#include "base/error.h"
#include "registry/authorization.h"

namespace controller {
namespace {

using registry::Action;
using registry::Decision;
using registry::Scope;
using registry::Verdict;
using store::TokenKind;

bool isBelow(std::string_view repository, const store::AppName& app) {
  return repository.size() > app.str().size() + 1 && repository.starts_with(app.str() + "/");
}

bool mayRead(const store::Token& token, std::string_view repository) {
  return !token.app || repository.empty() || repository == token.app->str() ||
         isBelow(repository, *token.app);
}

bool mayWrite(const store::Token& token, std::string_view repository) {
  return token.kind != TokenKind::pull && (!token.app || isBelow(repository, *token.app));
}

bool isRead(Action action) {
  return action == Action::pull || action == Action::list;
}

/// The word that a scope has for it.
std::string_view wordFor(Action action) {
  switch (action) {
    case Action::push:
      return "push";
    case Action::remove:
      return "delete";
    case Action::list:
      return "*";
    default:
      return "pull";
  }
}

bool covers(const std::vector<Scope>& scopes, Action action, std::string_view repository) {
  if (action == Action::mount || (action == Action::pull && repository.empty())) return true;
  const std::string_view type = action == Action::list ? "registry" : "repository";
  const std::string_view name = action == Action::list ? "catalog" : repository;
  for (const Scope& scope : scopes)
    if (scope.type == type && scope.name == name && scope.has(wordFor(action))) return true;
  return false;
}

/// Asked and allowed; "*" asks for everything that there is.
Scope granted(const RegistryCaller& caller, const Scope& asked) {
  Scope scope{.type = asked.type, .name = asked.name, .actions = {}};
  if (asked.type == "registry" && asked.name == "catalog") {
    if (asked.has("*") && mayAct(caller, Action::list, "")) scope.actions.emplace_back("*");
  } else if (asked.type == "repository") {
    for (const Action action : {Action::pull, Action::push, Action::remove}) {
      const std::string_view word = wordFor(action);
      if ((asked.has(word) || asked.has("*")) && mayAct(caller, action, asked.name))
        scope.actions.emplace_back(word);
    }
  }
  return scope;
}

}  // namespace

bool mayAct(const RegistryCaller& caller, Action action, std::string_view repository) {
  if (!caller.token) return caller.mayReadAnonymously && isRead(action);
  switch (action) {
    case Action::check:
      return true;
    case Action::list:
      return !caller.token->app;
    case Action::pull:
    case Action::mount:
      return mayRead(*caller.token, repository);
    default:
      return mayWrite(*caller.token, repository);
  }
}

RegistryAccess::RegistryAccess(const TokenBook& tokens, const Bearers& bearers, const base::Clock& clock,
                               AnonymousPull anonymous)
    : tokens_(tokens), bearers_(bearers), clock_(clock), anonymous_(anonymous) {}

RegistryCaller RegistryAccess::nobody(bool fromLoopback) const {
  return {.token = std::nullopt, .mayReadAnonymously = fromLoopback && anonymous_ == AnonymousPull::loopback};
}

Decision RegistryAccess::judge(const registry::AccessQuestion& question) const {
  const auto given = registry::parseAuthorization(question.authorization);
  using Scheme = registry::Authorization::Scheme;
  if (given.scheme == Scheme::none)
    return mayAct(nobody(question.fromLoopback), question.action, question.repository) ? Verdict::allowed
                                                                                       : Verdict::logIn;
  if (given.scheme == Scheme::bearer && Bearers::looksLikeOne(given.secret))
    return judgeBearer(question, given.secret);
  const auto token = tokens_.find(given.secret);
  if (!token) return Verdict::logIn;
  const RegistryCaller caller{.token = token};
  return {mayAct(caller, question.action, question.repository) ? Verdict::allowed : Verdict::denied,
          token->user};
}

Decision RegistryAccess::judgeBearer(const registry::AccessQuestion& question, std::string_view text) const {
  const auto bearer = bearers_.open(text);
  if (!bearer) return Verdict::logIn;
  RegistryCaller caller = nobody(question.fromLoopback);
  if (bearer->token != 0) {
    caller.token = tokens_.find(bearer->token);
    if (!caller.token) return Verdict::logIn;
  }
  if (question.action == Action::check)  // clients try what they were given here
    return caller.token || caller.mayReadAnonymously ? Verdict::allowed : Verdict::logIn;
  const bool allowed = covers(bearer->scopes, question.action, question.repository) &&
                       mayAct(caller, question.action, question.repository);
  return {allowed ? Verdict::allowed : Verdict::insufficient, caller.token ? caller.token->user : ""};
}

RegistryCaller RegistryAccess::identify(const registry::TokenQuestion& question) const {
  RegistryCaller caller = nobody(question.fromLoopback);
  if (question.refreshToken) {
    const auto id = bearers_.openRefresh(*question.refreshToken);
    caller.token = id ? tokens_.find(*id) : std::nullopt;
  } else if (question.secret) {
    caller.token = tokens_.find(*question.secret);
  } else {
    if (caller.mayReadAnonymously) return caller;
    throw base::Error(base::Errc::unauthenticated,
                      "this registry asks for a login: fairlead registry:login on the server makes one");
  }
  if (!caller.token)
    throw base::Error(
        base::Errc::unauthenticated,
        "the password is no token of this server: fairlead registry:login on the server makes one");
  return caller;
}

registry::TokenAnswer RegistryAccess::issue(const registry::TokenQuestion& question) const {
  const RegistryCaller caller = identify(question);
  const std::int64_t id = caller.token ? caller.token->id : 0;
  registry::TokenAnswer answer{.bearer = "",
                               .refreshToken = question.refreshToken.value_or(""),
                               .granted = {},
                               .issuedAt = clock_.now(),
                               .lifetime = Bearers::kLifetime};
  for (const Scope& asked : question.scopes) {
    Scope scope = granted(caller, asked);
    if (!scope.actions.empty()) answer.granted.push_back(std::move(scope));
  }
  answer.bearer = bearers_.make({.token = id, .scopes = answer.granted});
  if (question.offline && caller.token && answer.refreshToken.empty())
    answer.refreshToken = bearers_.makeRefresh(id);
  return answer;
}

}  // namespace controller
