#include "base/digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <utility>

#include "base/c_handle.h"
#include "base/error.h"
#include "base/random_bytes.h"

namespace base {
namespace {

using EvpContext = CHandle<EVP_MD_CTX, &EVP_MD_CTX_free>;
using EvpFunction = CHandle<EVP_MD, &EVP_MD_free>;

struct AlgorithmFacts {
  DigestAlgorithm algorithm;
  std::string_view name;
  std::size_t hexLength;
};
constexpr std::array<AlgorithmFacts, 2> kAlgorithms = {
    {{DigestAlgorithm::sha256, "sha256", 64}, {DigestAlgorithm::sha512, "sha512", 128}}};

/// OpenSSL fails here only without memory or with a broken installation.
void require(bool succeeded) {
  if (!succeeded) throw Error(Errc::internal, "the hash functions of OpenSSL cannot be used");
}

/// Looked up once: OpenSSL's own constants are looked up at each use, which costs more than a small hash.
const EVP_MD* functionOf(DigestAlgorithm algorithm) {
  static const EvpFunction sha256(EVP_MD_fetch(nullptr, "SHA256", nullptr));
  static const EvpFunction sha512(EVP_MD_fetch(nullptr, "SHA512", nullptr));
  return algorithm == DigestAlgorithm::sha512 ? sha512.get() : sha256.get();
}

std::string_view asText(const unsigned char* bytes, std::size_t count) {
  return {reinterpret_cast<const char*>(bytes), count};
}

}  // namespace

struct Hasher::Context {
  EvpContext evp;

  std::string finish() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
    unsigned length = 0;
    require(EVP_DigestFinal_ex(evp.get(), bytes.data(), &length) == 1);
    evp.reset();
    return std::string(asText(bytes.data(), length));
  }
};

Hasher::Hasher(DigestAlgorithm algorithm) : algorithm_(algorithm), context_(std::make_unique<Context>()) {
  context_->evp.reset(EVP_MD_CTX_new());
  const EVP_MD* function = functionOf(algorithm);
  require(context_->evp && function && EVP_DigestInit_ex(context_->evp.get(), function, nullptr) == 1);
}

Hasher::~Hasher() = default;
Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;

void Hasher::update(std::string_view bytes) {
  CHECK(context_ && context_->evp);
  require(EVP_DigestUpdate(context_->evp.get(), bytes.data(), bytes.size()) == 1);
}

Digest Hasher::finish() {
  CHECK(context_ && context_->evp);
  return Digest(std::string(name(algorithm_)) + ":" + toHex(context_->finish()));
}

std::string_view name(DigestAlgorithm algorithm) noexcept {
  return algorithm == DigestAlgorithm::sha512 ? "sha512" : "sha256";
}

std::optional<DigestAlgorithm> parseDigestAlgorithm(std::string_view text) noexcept {
  for (const AlgorithmFacts& each : kAlgorithms) {
    if (each.name == text) return each.algorithm;
  }
  return std::nullopt;
}

std::optional<Digest> Digest::tryParse(std::string_view text) noexcept {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  for (const AlgorithmFacts& each : kAlgorithms) {
    if (each.name != text.substr(0, colon)) continue;
    const std::string_view hex = text.substr(colon + 1);
    if (hex.size() != each.hexLength) return std::nullopt;
    if (hex.find_first_not_of("0123456789abcdef") != std::string_view::npos) return std::nullopt;
    return Digest(std::string(text));
  }
  return std::nullopt;
}

Digest Digest::parse(std::string_view text) {
  auto digest = tryParse(text);
  if (!digest) {
    throw Error(Errc::invalidArgument,
                "not a digest: expected \"sha256:\" and 64, or \"sha512:\" and 128 lower-case hex digits");
  }
  return *std::move(digest);
}

DigestAlgorithm Digest::algorithm() const noexcept {
  return text_.starts_with("sha512:") ? DigestAlgorithm::sha512 : DigestAlgorithm::sha256;
}

Digest Digest::of(std::string_view bytes, DigestAlgorithm algorithm) {
  Hasher hash(algorithm);
  hash.update(bytes);
  return hash.finish();
}

std::string toHex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  hex.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    hex += kDigits[byte >> 4];
    hex += kDigits[byte & 0xF];
  }
  return hex;
}

std::string hmacSha256Hex(std::string_view key, std::string_view message) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
  unsigned length = 0;
  const auto* data = reinterpret_cast<const unsigned char*>(message.data());
  // An empty key must still be a pointer, else OpenSSL takes the key of an earlier call.
  const char* keyBytes = key.empty() ? "" : key.data();
  require(HMAC(EVP_sha256(), keyBytes, static_cast<int>(key.size()), data, message.size(), mac.data(),
               &length) != nullptr);
  return toHex(asText(mac.data(), length));
}

std::string sha256Base64(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
  unsigned length = 0;
  require(EVP_Digest(bytes.data(), bytes.size(), hash.data(), &length, EVP_sha256(), nullptr) == 1);
  std::array<unsigned char, EVP_MAX_MD_SIZE * 2> encoded{};
  const int encodedLength = EVP_EncodeBlock(encoded.data(), hash.data(), static_cast<int>(length));
  std::string text(asText(encoded.data(), static_cast<std::size_t>(encodedLength)));
  text.erase(text.find_last_not_of('=') + 1);
  return text;
}

std::string randomHex(std::size_t count) {
  return toHex(randomBytes(count));
}

std::string randomUuid() {
  std::string bytes = randomBytes(16);
  bytes[6] = static_cast<char>((static_cast<unsigned char>(bytes[6]) & 0x0F) | 0x40);  // version 4
  bytes[8] = static_cast<char>((static_cast<unsigned char>(bytes[8]) & 0x3F) | 0x80);  // RFC 4122 variant
  std::string uuid = toHex(bytes);
  for (const std::size_t dash : {8, 13, 18, 23})
    uuid.insert(dash, "-");
  return uuid;
}

}  // namespace base
