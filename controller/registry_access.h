// Who may do what in the registry, from tokens.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controller/bearers.h"
#include "controller/token_book.h"
#include "registry/access.h"

namespace controller {

/// registry_anonymous_pull: who may read without a token.
enum class AnonymousPull { loopback, none };

/// Who asks, as far as it matters.
struct RegistryCaller {
  std::optional<store::Token> token;
  bool mayReadAnonymously = false;
};

/// The one place that says who may do what; `repository` is empty for what belongs to none. Whoever has a
/// token may do what its kind says: in all repositories, or, when it is bound to an app, pull the app's and
/// push and delete below APP/. The rights of users and collaborators belong here, too.
bool mayAct(const RegistryCaller& caller, registry::Action action, std::string_view repository);

/// Answers the registry's questions. A bearer may do what it was given for and what its token may do when it
/// is used (a mount's source is what its token may pull: one without `from` names none to ask a bearer for):
/// a token that is removed, or whose time is over, ends its bearers at once. Credentials that are given have
/// to be right, also where none would do, so that a login with a wrong token fails. Thread-safe.
class RegistryAccess {
 public:
  /// Both outlive it.
  RegistryAccess(const TokenBook& tokens, const Bearers& bearers, const base::Clock& clock,
                 AnonymousPull anonymous);
  /// registry::Access
  registry::Decision judge(const registry::AccessQuestion& question) const;
  /// registry::TokenIssuer
  registry::TokenAnswer issue(const registry::TokenQuestion& question) const;

 private:
  RegistryCaller nobody(bool fromLoopback) const;
  registry::Decision judgeBearer(const registry::AccessQuestion& question, std::string_view bearer) const;
  RegistryCaller identify(const registry::TokenQuestion& question) const;

  const TokenBook& tokens_;
  const Bearers& bearers_;
  const base::Clock& clock_;
  const AnonymousPull anonymous_;
};

}  // namespace controller
