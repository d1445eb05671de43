#include "gitd/detail/ssh_key.h"

#include <unistd.h>

#include "base/atomic_file.h"
#include "base/error.h"

namespace gitd::detail {
namespace {

constexpr int kRsaBits = 3072;

}  // namespace

const char* const kAcceptedSignatures =
    "ssh-ed25519,sk-ssh-ed25519@openssh.com,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,"
    "sk-ecdsa-sha2-nistp256@openssh.com,rsa-sha2-512,rsa-sha2-256";

std::string fingerprintOf(ssh_key key) {
  unsigned char* hash = nullptr;
  std::size_t length = 0;
  if (ssh_get_publickey_hash(key, SSH_PUBLICKEY_HASH_SHA256, &hash, &length) != 0) {
    throw base::Error(base::Errc::internal, "cannot hash a public key");
  }
  char* text = ssh_get_fingerprint_hash(SSH_PUBLICKEY_HASH_SHA256, hash, length);
  ssh_clean_pubkey_hash(&hash);
  if (text == nullptr) throw base::Error(base::Errc::internal, "cannot hash a public key");
  std::string fingerprint = text;
  ssh_string_free_char(text);
  return fingerprint;
}

bool isAcceptedKeyType(ssh_key key) {
  switch (ssh_key_type(key)) {
    case SSH_KEYTYPE_ED25519:
    case SSH_KEYTYPE_SK_ED25519:
    case SSH_KEYTYPE_ECDSA_P256:
    case SSH_KEYTYPE_ECDSA_P384:
    case SSH_KEYTYPE_ECDSA_P521:
    case SSH_KEYTYPE_SK_ECDSA:
    case SSH_KEYTYPE_RSA:
      return true;
    default:
      return false;
  }
}

SshKey loadHostKey(const std::filesystem::path& file, HostKeyKind kind) {
  const ssh_keytypes_e type = kind == HostKeyKind::rsa ? SSH_KEYTYPE_RSA : SSH_KEYTYPE_ED25519;
  if (!std::filesystem::exists(file)) {
    auto fresh = base::acquire<SshKey>(
        [&](ssh_key* out) { return ssh_pki_generate(type, kind == HostKeyKind::rsa ? kRsaBits : 0, out); },
        [](int, ssh_key) { throw base::Error(base::Errc::internal, "cannot make a host key"); });
    // libssh writes with the umask's mode and in place; so into memory first, then once and for all.
    char* text = nullptr;
    if (ssh_pki_export_privkey_base64(fresh.get(), nullptr, nullptr, nullptr, &text) != SSH_OK) {
      throw base::Error(base::Errc::internal, "cannot write a host key");
    }
    const std::string encoded = text;
    ssh_string_free_char(text);
    std::filesystem::create_directories(file.parent_path());
    base::writeFileAtomically(file, encoded, 0600);
  }
  auto key = base::acquire<SshKey>(
      [&](ssh_key* out) { return ssh_pki_import_privkey_file(file.c_str(), nullptr, nullptr, nullptr, out); },
      [&](int, ssh_key) {
        throw base::Error(base::Errc::corrupt,
                          "the host key " + file.filename().string() + " cannot be read");
      });
  if (ssh_key_type(key.get()) != type) {
    throw base::Error(base::Errc::corrupt,
                      "the host key " + file.filename().string() + " is not of the kind that its name says");
  }
  return key;
}

}  // namespace gitd::detail
