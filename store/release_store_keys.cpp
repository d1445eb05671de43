// Keys and tokens.
#include "store/detail/release_store_state.h"

namespace store {
namespace {

using base::Errc;
using base::Error;
using detail::Connection;
using detail::Rows;

std::optional<Time> optionalTimeAt(const Rows& rows, int column) {
  if (rows.isNull(column)) return std::nullopt;
  return detail::timeAt(rows, column);
}

std::optional<AppName> optionalAppAt(const Rows& rows, int column) {
  if (rows.isNull(column)) return std::nullopt;
  return AppName::parse(rows.text(column));
}

TokenKind tokenKind(const std::string& text) {
  for (const TokenKind kind :
       {TokenKind::full, TokenKind::read, TokenKind::deploy, TokenKind::push, TokenKind::pull})
    if (name(kind) == text) return kind;
  throw Error(Errc::corrupt, "database: a stored token's kind is damaged");
}

std::optional<Key> selectKey(Connection& connection, const std::string& fingerprint) {
  static const std::string sql = std::string(detail::kSelectKeys) + "WHERE k.fingerprint = ?1";
  Rows rows = connection.query(sql, fingerprint);
  if (!rows.next()) return std::nullopt;
  return detail::keyAt(rows);
}

template <typename Value>
std::optional<Token> selectToken(Connection& connection, std::string_view condition, const Value& value) {
  Rows rows = connection.query(std::string(detail::kSelectTokens) + std::string(condition), value);
  if (!rows.next()) return std::nullopt;
  return detail::tokenAt(rows);
}

constexpr std::string_view kOfHash = "WHERE t.secret_hash = ?1";
constexpr std::string_view kOfId = "WHERE t.id = ?1";

}  // namespace

Key detail::keyAt(const Rows& rows) {
  constexpr int kCreated = 4;
  return Key{.fingerprint = rows.text(0),
             .publicKey = rows.text(1),
             .comment = rows.text(2),
             .user = rows.text(3),
             .createdAt = timeAt(rows, kCreated),
             .app = optionalAppAt(rows, kCreated + 1),
             .lastUsedAt = optionalTimeAt(rows, kCreated + 2),
             .uuid = rows.text(kCreated + 3)};
}

Token detail::tokenAt(const Rows& rows) {
  constexpr int kApp = 4;
  return Token{.id = rows.integer(0),
               .user = rows.text(1),
               .description = rows.text(2),
               .kind = tokenKind(rows.text(3)),
               .app = optionalAppAt(rows, kApp),
               .expiresAt = optionalTimeAt(rows, kApp + 1),
               .createdAt = timeAt(rows, kApp + 2),
               .lastUsedAt = optionalTimeAt(rows, kApp + 3)};
}

std::string_view name(TokenKind kind) noexcept {
  switch (kind) {
    case TokenKind::read:
      return "read";
    case TokenKind::deploy:
      return "deploy";
    case TokenKind::push:
      return "push";
    case TokenKind::pull:
      return "pull";
    default:
      return "full";
  }
}

Key ReleaseStore::addKey(const Key& key) {
  return state_->write([&](Connection& connection) {
    if (const auto present = selectKey(connection, key.fingerprint)) {
      throw Error(Errc::alreadyExists, "This key is already registered for user " + present->user);
    }
    detail::requireUser(connection, key.user);
    std::optional<AppId> app;
    if (key.app) {
      Rows rows = connection.query("SELECT id FROM apps WHERE name = ?1", key.app->str());
      if (!rows.next()) throw Error(Errc::notFound, "There is no app " + key.app->str());
      app = rows.integer(0);
    }
    connection.execute(
        "INSERT INTO keys (fingerprint, uuid, public_key, comment, user, app, created_at) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        key.fingerprint, base::randomUuid(), key.publicKey, key.comment, key.user, app, key.createdAt);
    return *selectKey(connection, key.fingerprint);
  });
}

std::optional<Key> ReleaseStore::findKey(const std::string& fingerprint) {
  return state_->read([&](Connection& connection) { return selectKey(connection, fingerprint); });
}

std::vector<Key> ReleaseStore::keys() {
  return state_->read([](Connection& connection) {
    std::vector<Key> all;
    Rows rows =
        connection.query(std::string(detail::kSelectKeys) + "ORDER BY k.user, k.created_at, k.fingerprint");
    while (rows.next())
      all.push_back(detail::keyAt(rows));
    return all;
  });
}

void ReleaseStore::removeKey(const std::string& fingerprint) {
  state_->write([&](Connection& connection) {
    if (connection.execute("DELETE FROM keys WHERE fingerprint = ?1", fingerprint) == 0) {
      throw Error(Errc::notFound, "There is no key " + fingerprint);
    }
  });
}

Token ReleaseStore::addToken(const NewToken& token) {
  return state_->write([&](Connection& connection) {
    detail::requireUser(connection, token.user);
    connection.execute(
        "INSERT INTO tokens (user, description, secret_hash, kind, app, expires_at, created_at) VALUES (?1, "
        "?2, ?3, ?4, ?5, ?6, ?7)",
        token.user, token.description, token.secretHash, name(token.kind), token.app, token.expiresAt,
        state_->clock.now());
    return *selectToken(connection, kOfId, connection.lastInsertId());
  });
}

std::optional<Token> ReleaseStore::findToken(const std::string& secretHash) {
  return state_->read([&](Connection& connection) { return selectToken(connection, kOfHash, secretHash); });
}

std::optional<Token> ReleaseStore::findToken(std::int64_t id) {
  return state_->read([&](Connection& connection) { return selectToken(connection, kOfId, id); });
}

std::vector<Token> ReleaseStore::tokens() {
  return state_->read([](Connection& connection) {
    std::vector<Token> all;
    Rows rows = connection.query(std::string(detail::kSelectTokens) + "ORDER BY t.id");
    while (rows.next())
      all.push_back(detail::tokenAt(rows));
    return all;
  });
}

void ReleaseStore::removeToken(std::int64_t id) {
  state_->write([&](Connection& connection) {
    if (connection.execute("DELETE FROM tokens WHERE id = ?1", id) == 0) {
      throw Error(Errc::notFound, "There is no token " + std::to_string(id));
    }
  });
}

}  // namespace store
