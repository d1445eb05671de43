#include "controller/bearers.h"

#include "base/base64.h"
#include "base/digest.h"
#include "base/strings.h"
#include "controller/signing_key.h"

namespace controller {
namespace {

// What is signed: a letter, the end in seconds since 1970 (of a bearer), the API token's id, and the scopes,
// separated by spaces. The letter keeps the two kinds apart.
constexpr std::string_view kBearer = "b ";
constexpr std::string_view kRefresh = "r ";
constexpr std::size_t kSignatureDigits = 32;

std::uint64_t secondsOf(base::Time time) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count());
}

/// Takes a word off the front.
std::string_view takeWord(std::string_view& text) {
  const auto space = text.find(' ');
  const std::string_view word = text.substr(0, space);
  text = space == std::string_view::npos ? std::string_view() : text.substr(space + 1);
  return word;
}

std::optional<std::int64_t> tokenId(std::string_view text) {
  std::uint64_t id = 0;
  if (!base::parseNumber(text, id)) return std::nullopt;
  return static_cast<std::int64_t>(id);
}

}  // namespace

Bearers::Bearers(const std::filesystem::path& keyFile, const base::Clock& clock)
    : key_(readOrMakeKey(keyFile, "logins at the registry that were made")), clock_(clock) {}

std::string Bearers::seal(const std::string& content) const {
  return base::toBase64Url(content) + "." + base::hmacSha256Hex(key_, content).substr(0, kSignatureDigits);
}

std::optional<std::string> Bearers::unseal(std::string_view text) const {
  const auto dot = text.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  auto content = base::fromBase64(text.substr(0, dot));
  if (!content) return std::nullopt;
  const std::string signature = base::hmacSha256Hex(key_, *content).substr(0, kSignatureDigits);
  if (!sameSignature(signature, text.substr(dot + 1))) return std::nullopt;
  return content;
}

std::string Bearers::make(const Bearer& bearer) const {
  return seal(std::string(kBearer) + std::to_string(secondsOf(clock_.now() + kLifetime)) + " " +
              std::to_string(bearer.token) + " " + registry::textOf(bearer.scopes));
}

std::string Bearers::makeRefresh(std::int64_t token) const {
  return seal(std::string(kRefresh) + std::to_string(token));
}

std::optional<Bearer> Bearers::open(std::string_view text) const {
  const auto content = unseal(text);
  if (!content || !content->starts_with(kBearer)) return std::nullopt;
  std::string_view rest = std::string_view(*content).substr(kBearer.size());
  std::uint64_t end = 0;
  if (!base::parseNumber(takeWord(rest), end) || end <= secondsOf(clock_.now())) return std::nullopt;
  const auto token = tokenId(takeWord(rest));
  if (!token) return std::nullopt;
  return Bearer{.token = *token, .scopes = registry::parseScopes(rest)};
}

std::optional<std::int64_t> Bearers::openRefresh(std::string_view text) const {
  const auto content = unseal(text);
  if (!content || !content->starts_with(kRefresh)) return std::nullopt;
  return tokenId(std::string_view(*content).substr(kRefresh.size()));
}

bool Bearers::looksLikeOne(std::string_view text) noexcept {
  return text.find('.') != std::string_view::npos;
}

}  // namespace controller
