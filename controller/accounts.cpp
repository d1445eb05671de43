#include "controller/accounts.h"

#include "base/error.h"
#include "base/strings.h"
#include "controller/token_book.h"
#include "gitd/ssh_server.h"

namespace controller {

using base::Errc;
using base::Error;

store::Key Accounts::addKey(const Identity& caller, const KeyRequest& request) const {
  access_.require(caller, Action::changeAccount);
  const std::string user = request.user.value_or(caller.user);
  if (user != caller.user) access_.require(caller, Action::administer);
  if (request.app) access_.require(caller, Action::manageApp, *request.app);
  const gitd::PublicKey parsed = gitd::parsePublicKey(request.text);
  store::Key key{.fingerprint = parsed.fingerprint,
                 .publicKey = parsed.canonical,
                 .comment = parsed.comment,
                 .user = user,
                 .createdAt = clock_.now()};
  if (request.app) key.app = request.app->name;
  return store_.addKey(key);
}

std::vector<store::Key> Accounts::keys(const Identity& caller, Whose whose) const {
  access_.require(caller, whose == Whose::all ? Action::readServer : Action::readAccount);
  return whose == Whose::all ? store_.keys() : accounts_.keysOf(caller.user);
}

void Accounts::removeKey(const Identity& caller, const std::string& fingerprint) const {
  access_.require(caller, Action::changeAccount);
  const auto key = store_.findKey(fingerprint);
  const auto app = key && key->app ? store_.findApp(*key->app) : std::nullopt;
  const bool allowed = key && (key->user == caller.user || access_.may(caller, Action::administer) ||
                               (app && access_.may(caller, Action::manageApp, *app)));
  if (!allowed)
    throw Error(Errc::notFound, "there is no key " + base::printable(fingerprint) + ": see fairlead keys");
  store_.removeKey(fingerprint);
}

NewSecret Accounts::createToken(const Identity& caller, const TokenRequest& request) const {
  access_.require(caller, Action::changeAccount);
  NewSecret made{.token = {}, .secret = newTokenSecret()};
  made.token = store_.addToken({.user = caller.user,
                                .description = request.description,
                                .secretHash = hashOfSecret(made.secret),
                                .kind = request.kind,
                                .app = request.app,
                                .expiresAt = request.expiresAt});
  return made;
}

std::vector<store::Token> Accounts::tokens(const Identity& caller, Whose whose) const {
  access_.require(caller, whose == Whose::all ? Action::readServer : Action::readAccount);
  return whose == Whose::all ? store_.tokens() : accounts_.tokensOf(caller.user);
}

void Accounts::removeToken(const Identity& caller, std::int64_t id) const {
  access_.require(caller, Action::changeAccount);
  const auto token = store_.findToken(id);
  if (!token || (token->user != caller.user && !access_.may(caller, Action::administer)))
    throw Error(Errc::notFound, "there is no token " + std::to_string(id) + ": see fairlead tokens");
  store_.removeToken(id);
}

}  // namespace controller
