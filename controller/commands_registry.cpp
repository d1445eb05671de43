// tokens, tokens:create, tokens:revoke, registry:login
#include "base/error.h"
#include "base/strings.h"
#include "controller/command_set.h"
#include "controller/registry_login.h"
#include "controller/render.h"
#include "controller/token_book.h"

namespace controller {
namespace {

using store::TokenKind;

/// "90d", "12h", "30m", "45s", "2w"; nullopt for "never".
std::optional<std::chrono::seconds> parseLifetime(const std::string& text) {
  if (text == "never") return std::nullopt;
  const std::map<char, std::uint64_t> units{{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 7 * 86400}};
  constexpr std::uint64_t kMaxSeconds = 100ull * 365 * 86400;
  std::uint64_t count = 0;
  const auto unit = text.empty() ? units.end() : units.find(text.back());
  const bool read = unit != units.end() && base::parseNumber(text.substr(0, text.size() - 1), count);
  if (!read || count == 0 || count > kMaxSeconds / unit->second)
    throw base::Error(base::Errc::invalidArgument,
                      "\"" + base::printable(text) +
                          "\" is no time: --expires takes a number and d, h, m, s or w, as in 90d, or never");
  return std::chrono::seconds(count * unit->second);
}

TokenKind kindOf(const Invocation& call, TokenKind otherwise) {
  std::vector<TokenKind> asked;
  for (const TokenKind kind : {TokenKind::read, TokenKind::deploy, TokenKind::push, TokenKind::pull})
    if (call.flag(std::string(name(kind)))) asked.push_back(kind);
  if (asked.size() > 1)
    throw base::Error(base::Errc::invalidArgument, "--" + std::string(name(asked[0])) + " and --" +
                                                       std::string(name(asked[1])) +
                                                       ": choose one; --push may pull, too");
  return asked.empty() ? otherwise : asked[0];
}

std::string mayText(const store::Token& token) {
  switch (token.kind) {
    case TokenKind::read:
      return "look";
    case TokenKind::deploy:
      return "deploy";
    case TokenKind::pull:
      return "pull images";
    case TokenKind::push:
      return "push and pull images";
    default:
      return "everything";
  }
}

std::string whereText(const store::Token& token) {
  if (token.app) return "of " + token.app->str();
  return token.kind == TokenKind::push || token.kind == TokenKind::pull ? "of all" : "";
}

std::string untilText(const store::Token& token, base::Time now) {
  if (!token.expiresAt) return "";
  const std::string when = base::toRfc3339(*token.expiresAt);
  return (isExpired(token, now) ? "expired " : "until ") + when;
}

base::JsonObject::Ptr renderToken(const store::Token& token, base::Time now) {
  auto json = base::makeJsonObject();
  json->set("id", token.id);
  json->set("user", token.user);
  json->set("description", token.description);
  json->set("kind", std::string(name(token.kind)));
  json->set("app", token.app ? Poco::Dynamic::Var(token.app->str()) : Poco::Dynamic::Var());
  json->set("expires_at",
            token.expiresAt ? Poco::Dynamic::Var(base::toRfc3339(*token.expiresAt)) : Poco::Dynamic::Var());
  json->set("expired", isExpired(token, now));
  json->set("last_used_at",
            token.lastUsedAt ? Poco::Dynamic::Var(base::toRfc3339(*token.lastUsedAt)) : Poco::Dynamic::Var());
  json->set("created_at", base::toRfc3339(token.createdAt));
  return json;
}

/// What the options say; `lifetime` where they say nothing. -a counts only when it was given: the client's
/// own app must not narrow a token silently.
TokenRequest tokenAsked(const Invocation& call, TokenKind kind,
                        std::optional<std::chrono::seconds> lifetime) {
  TokenRequest request{.kind = kind, .description = ""};
  if (call.option("app")) request.app = call.app().id;
  if (const auto text = call.option("expires")) lifetime = parseLifetime(*text);
  if (lifetime) request.expiresAt = call.parts.clock.now() + *lifetime;
  return request;
}

int listTokens(const Invocation& call) {
  auto json = base::makeJsonArray();
  std::vector<std::vector<std::string>> rows;
  const base::Time now = call.parts.clock.now();
  const auto whose = call.flag("all") ? Accounts::Whose::all : Accounts::Whose::own;
  for (const store::Token& token : call.parts.keysAndTokens.tokens(call.caller, whose)) {
    json->add(renderToken(token, now));
    rows.push_back(
        {std::to_string(token.id), token.user, mayText(token), whereText(token), untilText(token, now),
         token.lastUsedAt ? "used " + base::toRfc3339(*token.lastUsedAt) : "never used", token.description});
  }
  call.print(json,
             rows.empty() ? "There are no tokens yet: make one with fairlead tokens:create\n" : table(rows));
  return 0;
}

int createToken(const Invocation& call) {
  const TokenKind otherwise = call.option("app") ? TokenKind::push : TokenKind::full;
  TokenRequest asked = tokenAsked(call, kindOf(call, otherwise), std::nullopt);
  asked.description = call.args.empty() ? call.option("description").value_or("") : call.args[0];
  const NewSecret made = call.parts.keysAndTokens.createToken(call.caller, asked);
  auto json = renderToken(made.token, call.parts.clock.now());
  json->set("token", made.secret);
  call.print(json, made.secret + "\n");
  return 0;
}

int revokeToken(const Invocation& call) {
  std::uint64_t id = 0;
  if (!base::parseNumber(call.args[0], id))
    throw base::Error(base::Errc::invalidArgument, "a token is named by its number: see fairlead tokens");
  call.parts.keysAndTokens.removeToken(call.caller, static_cast<std::int64_t>(id));
  auto json = base::makeJsonObject();
  json->set("id", id);
  call.print(json, "Token " + call.args[0] + " revoked; what was logged in with it is no more\n");
  return 0;
}

int logIn(const Invocation& call) {
  constexpr std::chrono::days kLifetime{90};
  TokenRequest asked = tokenAsked(call, kindOf(call, TokenKind::pull), kLifetime);
  const std::string url =
      call.option("url") ? parsePublicUrl(*call.option("url")) : call.parts.urls.registry();
  asked.description = "registry:login";
  const auto [token, secret] = call.parts.keysAndTokens.createToken(call.caller, asked);
  const LoginTexts texts = loginTexts({.url = url, .secret = secret});
  auto json = renderToken(token, call.parts.clock.now());
  json->set("token", secret);
  json->set("url", url);
  json->set("login", renderLogin(texts));
  const std::string until = untilText(token, call.parts.clock.now());
  call.print(json, "Token " + std::to_string(token.id) + " may " + mayText(token) + " " + whereText(token) +
                       (until.empty() ? "" : ", " + until) +
                       ". It is shown this once; fairlead tokens:revoke " + std::to_string(token.id) +
                       " ends it.\n\n" + explain(texts));
  return 0;
}

}  // namespace

std::vector<CommandSpec> registryCommands() {
  return {
      {"tokens",
       "[--all]",
       "list your tokens, or everybody's: what each may do, and until when",
       0,
       0,
       {"all"},
       listTokens,
       Action::readAccount},
      {"tokens:create",
       "[NAME] [--read | --deploy | --pull | --push] [--expires 90d] [-a APP]",
       "make a token; shown once. With --pull, --push or only -a it is for the registry only",
       0,
       1,
       {"read", "deploy", "pull", "push", "expires=", "description="},
       createToken,
       Action::changeAccount},
      {"tokens:revoke",
       "ID",
       "take a token's right away, at once",
       1,
       1,
       {},
       revokeToken,
       Action::changeAccount},
      {"registry:login",
       "[--push] [--expires 90d] [-a APP] [--url URL]",
       "make a token to pull with, and show how docker, podman, containerd and Kubernetes use it",
       0,
       0,
       {"pull", "push", "expires=", "url="},
       logIn,
       Action::changeAccount},
  };
}

}  // namespace controller
