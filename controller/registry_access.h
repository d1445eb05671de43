// Who may do what in the registry, from tokens.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controller/access.h"
#include "controller/bearers.h"
#include "controller/token_book.h"
#include "registry/access.h"

namespace controller {

/// registry_anonymous_pull: who may read without a token.
enum class AnonymousPull { loopback, none };

/// Who asks, as far as it matters.
struct RegistryCaller {
  std::optional<store::Token> token;
  Identity identity;  ///< of the token
  bool mayReadAnonymously = false;
};

/// All outlive it.
struct RegistryAccessParts {
  store::ReleaseStore& store;
  const Access& access;
  const TokenBook& tokens;
  const Bearers& bearers;
  const base::Clock& clock;
  AnonymousPull anonymous = AnonymousPull::loopback;
};

/// Answers the registry's questions. A repository is that of the app that the first part of its name names:
/// who may view the app pulls what was pushed below APP/, who may deploy it pushes, and pulls its releases
/// too, whose images carry the config. All others are the administrators'. A token may at most what its kind
/// says, and one that is bound to an app pulls the app's and pushes and deletes below APP/. A bearer may do
/// what it was given for and what its token may do when it is used (a mount's source is what its token may
/// pull: one without `from` names none to ask a bearer for): a token that is removed, or whose time is over,
/// ends its bearers at once. Credentials that are given have to be right, also where none would do, so that a
/// login with a wrong token fails. Thread-safe.
class RegistryAccess {
 public:
  explicit RegistryAccess(const RegistryAccessParts& parts) : parts_(parts) {}
  /// registry::Access
  registry::Decision judge(const registry::AccessQuestion& question) const;
  /// registry::TokenIssuer
  registry::TokenAnswer issue(const registry::TokenQuestion& question) const;

 private:
  RegistryCaller nobody(bool fromLoopback) const;
  RegistryCaller callerOf(store::Token token) const;
  bool mayAct(const RegistryCaller& caller, registry::Action action, std::string_view repository) const;
  bool userMay(const RegistryCaller& caller, registry::Action action, std::string_view repository) const;
  registry::Scope granted(const RegistryCaller& caller, const registry::Scope& asked) const;
  registry::Decision judgeBearer(const registry::AccessQuestion& question, std::string_view bearer) const;
  RegistryCaller identify(const registry::TokenQuestion& question) const;

  const RegistryAccessParts parts_;
};

}  // namespace controller
