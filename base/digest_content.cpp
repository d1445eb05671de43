#include "base/digest_content.h"

#include <openssl/evp.h>

#include "base/c_handle.h"
#include "base/error.h"

namespace base {
namespace {

/// OpenSSL fails here only without memory or with a broken installation.
void require(bool succeeded) {
  if (!succeeded) throw Error(Errc::internal, "the SHA-256 implementation of OpenSSL cannot be used");
}

}  // namespace

struct ContentHash::Context {
  CHandle<EVP_MD_CTX, &EVP_MD_CTX_free> evp{EVP_MD_CTX_new()};
};

ContentHash::ContentHash() : context_(std::make_unique<Context>()) {
  require(context_->evp && EVP_DigestInit_ex(context_->evp.get(), EVP_sha256(), nullptr) == 1);
}

ContentHash::~ContentHash() = default;

void ContentHash::update(std::string_view bytes) {
  require(EVP_DigestUpdate(context_->evp.get(), bytes.data(), bytes.size()) == 1);
}

ContentDigest ContentHash::take() {
  ContentDigest digest{};
  unsigned length = 0;
  require(EVP_DigestFinal_ex(context_->evp.get(), digest.data(), &length) == 1 && length == digest.size());
  // The same algorithm again: without a name nothing is looked up.
  require(EVP_DigestInit_ex(context_->evp.get(), nullptr, nullptr) == 1);
  return digest;
}

}  // namespace base
