#include "controller/registry_access.h"

#include <string>

#include "controller/http_api.h"

namespace controller {
namespace {

/// Some clients send empty credentials when they have none.
bool isAnonymous(const std::string& authorization) {
  constexpr const char* kEmptyBasic = "Basic Og==";  // ":"
  return authorization.empty() || authorization == kEmptyBasic;
}

}  // namespace

registry::Access registryAccess(store::ReleaseStore& store, AnonymousPull anonymous) {
  return [&store, anonymous](const registry::AccessQuestion& question) {
    if (isAnonymous(question.authorization)) {
      const bool open = anonymous == AnonymousPull::loopback && question.fromLoopback &&
                        question.action == registry::Action::pull;
      return open ? registry::Verdict::allowed : registry::Verdict::logIn;
    }
    return userOfToken(store, question.authorization) ? registry::Verdict::allowed : registry::Verdict::logIn;
  };
}

}  // namespace controller
