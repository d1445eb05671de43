#include "base/sealed_box.h"

#include <openssl/evp.h>

#include "base/c_handle.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/random_bytes.h"
#include "base/strings.h"

namespace base {
namespace {

constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kNonceBytes = 12;
constexpr std::size_t kTagBytes = 16;
constexpr std::size_t kIdDigits = 12;

using CipherContext = CHandle<EVP_CIPHER_CTX, &EVP_CIPHER_CTX_free>;
using Cipher = CHandle<EVP_CIPHER, &EVP_CIPHER_free>;

void require(bool succeeded) {
  if (!succeeded) throw Error(Errc::internal, "the ciphers of OpenSSL cannot be used");
}

/// Looked up once: that costs more than sealing a short value.
const EVP_CIPHER* cipher() {
  static const Cipher gcm(EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr));
  require(gcm != nullptr);
  return gcm.get();
}

const unsigned char* bytesOf(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

unsigned char* bytesOf(std::string& text) {
  return reinterpret_cast<unsigned char*>(text.data());
}

int lengthOf(std::string_view text) {
  if (text.size() > (1u << 30)) throw Error(Errc::invalidArgument, "a value is too long to be sealed");
  return static_cast<int>(text.size());
}

std::optional<std::string> fromHex(std::string_view hex) {
  const auto digit = [](char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
  };
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    const int high = digit(hex[i]);
    const int low = digit(hex[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(high * 16 + low));
  }
  return hex.size() % 2 == 0 ? std::optional(bytes) : std::nullopt;
}

}  // namespace

SealingKey::SealingKey(std::string bytes)
    : id_(Digest::of("fairlead sealing key\n" + bytes).hex().substr(0, kIdDigits)),
      bytes_(std::move(bytes)) {}

SealingKey SealingKey::make() {
  return SealingKey(randomBytes(kKeyBytes));
}

std::optional<SealingKey> SealingKey::parse(std::string_view text) {
  const std::vector<std::string> words = split(trim(text), ' ');
  if (words.size() != 2 || words[1].size() != 2 * kKeyBytes) return std::nullopt;
  auto bytes = fromHex(words[1]);
  if (!bytes) return std::nullopt;
  SealingKey key(*std::move(bytes));
  return key.id_ == words[0] ? std::optional(std::move(key)) : std::nullopt;
}

std::string SealingKey::text() const {
  return id_ + " " + toHex(bytes_);
}

std::string SealingKey::seal(std::string_view plain, std::string_view about) const {
  std::string sealed = randomBytes(kNonceBytes);
  sealed.resize(kNonceBytes + plain.size() + kTagBytes);
  unsigned char* const out = bytesOf(sealed);
  const CipherContext context(EVP_CIPHER_CTX_new());
  int length = 0;
  require(context && EVP_EncryptInit_ex2(context.get(), cipher(), bytesOf(bytes_), out, nullptr) == 1);
  require(EVP_EncryptUpdate(context.get(), nullptr, &length, bytesOf(about), lengthOf(about)) == 1);
  require(EVP_EncryptUpdate(context.get(), out + kNonceBytes, &length, bytesOf(plain), lengthOf(plain)) == 1);
  require(EVP_EncryptFinal_ex(context.get(), out + kNonceBytes + plain.size(), &length) == 1);
  require(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kTagBytes,
                              out + kNonceBytes + plain.size()) == 1);
  return sealed;
}

std::optional<std::string> SealingKey::unseal(std::string_view sealed, std::string_view about) const {
  if (sealed.size() < kNonceBytes + kTagBytes) return std::nullopt;
  const std::string_view body = sealed.substr(kNonceBytes, sealed.size() - kNonceBytes - kTagBytes);
  std::string tag(sealed.substr(sealed.size() - kTagBytes));
  std::string plain(body.size(), '\0');
  const CipherContext context(EVP_CIPHER_CTX_new());
  int length = 0;
  require(context &&
          EVP_DecryptInit_ex2(context.get(), cipher(), bytesOf(bytes_), bytesOf(sealed), nullptr) == 1);
  require(EVP_DecryptUpdate(context.get(), nullptr, &length, bytesOf(about), lengthOf(about)) == 1);
  require(EVP_DecryptUpdate(context.get(), bytesOf(plain), &length, bytesOf(body), lengthOf(body)) == 1);
  require(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kTagBytes, tag.data()) == 1);
  if (EVP_DecryptFinal_ex(context.get(), bytesOf(plain) + plain.size(), &length) != 1) return std::nullopt;
  return plain;
}

}  // namespace base
