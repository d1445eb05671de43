#include "git/detail/hash_object.h"

#include <openssl/evp.h>

#include <charconv>
#include <cstring>
#include <string>

#include "base/c_handle.h"
#include "base/error.h"
#include "git/detail/hash_sha1.h"

namespace git::detail {
namespace {

using MdContext = base::CHandle<EVP_MD_CTX, &EVP_MD_CTX_free>;

void check(int result) {
  if (result != 1) throw base::Error(base::Errc::internal, "hashing failed");
}

/// Fetched once: OpenSSL looks algorithms up by name otherwise.
const EVP_MD* algorithm(ObjectFormat format) {
  static const EVP_MD* const kSha1 = EVP_MD_fetch(nullptr, "SHA1", nullptr);
  static const EVP_MD* const kSha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return format == ObjectFormat::sha1 ? kSha1 : kSha256;
}

MdContext makeContext(ObjectFormat format) {
  MdContext context(EVP_MD_CTX_new());
  if (!context) throw base::Error(base::Errc::internal, "hashing failed");
  check(EVP_DigestInit_ex(context.get(), algorithm(format), nullptr));
  return context;
}

ObjectId finishContext(EVP_MD_CTX* context, ObjectFormat format) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  check(EVP_DigestFinal_ex(context, digest, &size));
  CHECK(size == idSize(format));
  return {format, digest};
}

}  // namespace

struct Hasher::State {
  ObjectFormat format;
  Sha1 sha1{};
  MdContext sha256{};
};

Hasher::Hasher(ObjectFormat format) : state_(std::make_unique<State>(State{format})) {
  if (format == ObjectFormat::sha256) state_->sha256 = makeContext(format);
}

Hasher::~Hasher() = default;

void Hasher::restart() {
  if (state_->format == ObjectFormat::sha1) {
    state_->sha1 = Sha1();
  } else {
    check(EVP_DigestInit_ex(state_->sha256.get(), nullptr, nullptr));
  }
}

void Hasher::startObject(ObjectType type, std::uint64_t size) {
  restart();
  const std::string_view typeName = name(type);
  char header[40];
  std::memcpy(header, typeName.data(), typeName.size());
  char* at = header + typeName.size();
  *at++ = ' ';
  at = std::to_chars(at, header + sizeof header - 1, size).ptr;
  *at++ = '\0';
  update({header, static_cast<std::size_t>(at - header)});
}

void Hasher::update(std::string_view bytes) {
  if (state_->format == ObjectFormat::sha1) {
    state_->sha1.update(bytes);
  } else {
    check(EVP_DigestUpdate(state_->sha256.get(), bytes.data(), bytes.size()));
  }
}

ObjectId Hasher::finish() {
  if (state_->format == ObjectFormat::sha256) return finishContext(state_->sha256.get(), state_->format);
  const auto digest = state_->sha1.finish();
  const ObjectId id(ObjectFormat::sha1, digest.data());
  if (state_->sha1.isAttack())
    throw base::Error(base::Errc::invalidArgument,
                      "SHA-1 appears to be part of a collision attack: " + id.hex());
  return id;
}

ObjectId Hasher::object(ObjectType type, std::string_view bytes) {
  startObject(type, bytes.size());
  update(bytes);
  return finish();
}

struct PackHasher::State {
  ObjectFormat format;
  MdContext context;
};

PackHasher::PackHasher(ObjectFormat format)
    : state_(std::make_unique<State>(State{format, makeContext(format)})) {}

PackHasher::~PackHasher() = default;

void PackHasher::update(std::string_view bytes) {
  check(EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()));
}

ObjectId PackHasher::current() const {
  const MdContext copy(EVP_MD_CTX_new());
  if (!copy) throw base::Error(base::Errc::internal, "hashing failed");
  check(EVP_MD_CTX_copy_ex(copy.get(), state_->context.get()));
  return finishContext(copy.get(), state_->format);
}

}  // namespace git::detail
