#include <array>
#include <cstdint>

#include "base/base64.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/strings.h"
#include "gitd/detail/ssh_key.h"
#include "gitd/ssh_server.h"

namespace gitd {
namespace {

constexpr std::size_t kMaxLine = 16u << 10;
constexpr std::size_t kMinRsaBits = 2048;
constexpr std::size_t kMaxRsaBits = 16384;

[[noreturn]] void refuse(const std::string& why) {
  throw base::Error(base::Errc::invalidArgument, why);
}

/// Fields of a key's blob. (RFC 4251, 5: string, mpint.)
class BlobReader {
 public:
  explicit BlobReader(std::string_view blob) : rest_(blob) {}
  std::string_view field() {
    if (rest_.size() < 4) refuse("the key is cut off");
    std::uint32_t length = 0;
    for (const char c : rest_.substr(0, 4))
      length = length << 8 | static_cast<unsigned char>(c);
    rest_.remove_prefix(4);
    if (length > rest_.size()) refuse("the key is cut off");
    const std::string_view value = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return value;
  }
  bool atEnd() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

std::size_t bitsOf(std::string_view mpint) {
  while (mpint.starts_with('\0'))
    mpint.remove_prefix(1);
  if (mpint.empty()) return 0;
  std::size_t bits = mpint.size() * 8;
  for (auto first = static_cast<unsigned char>(mpint.front()); (first & 0x80) == 0;
       first = static_cast<unsigned char>(first << 1))
    --bits;
  return bits;
}

void checkBlob(const std::string& type, std::string_view blob) {
  BlobReader reader(blob);
  if (reader.field() != type) refuse("the key's type and its data do not agree");
  if (type == "ssh-rsa") {
    reader.field();  // exponent
    const std::size_t bits = bitsOf(reader.field());
    if (bits < kMinRsaBits || bits > kMaxRsaBits) {
      refuse("an RSA key of " + std::to_string(bits) +
             " bits is not accepted: make one with ssh-keygen -t ed25519");
    }
  } else if (type == "ssh-ed25519" || type == "sk-ssh-ed25519@openssh.com") {
    if (reader.field().size() != 32) refuse("the key has the wrong length");
  } else {
    reader.field();  // curve
    reader.field();  // point
  }
  if (type.starts_with("sk-")) reader.field();  // application
  if (!reader.atEnd()) refuse("there is something behind the key's data");
}

void checkType(const std::string& type) {
  constexpr std::array<std::string_view, 7> kTypes = {"ssh-ed25519",
                                                      "ssh-rsa",
                                                      "ecdsa-sha2-nistp256",
                                                      "ecdsa-sha2-nistp384",
                                                      "ecdsa-sha2-nistp521",
                                                      "sk-ssh-ed25519@openssh.com",
                                                      "sk-ecdsa-sha2-nistp256@openssh.com"};
  for (const std::string_view known : kTypes) {
    if (type == known) return;
  }
  if (type.find("-cert-") != std::string::npos) refuse("that is a certificate: give the plain public key");
  if (type == "ssh-dss") refuse("DSA keys are not accepted: make one with ssh-keygen -t ed25519");
  refuse("not an OpenSSH public key; it looks like: ssh-ed25519 AAAA... comment");
}

}  // namespace

PublicKey parsePublicKey(const std::string& line) {
  if (line.size() > kMaxLine) refuse("the key is too long");
  if (line.find("PRIVATE KEY") != std::string::npos)
    refuse("that is a private key: keep it to yourself and give the .pub file");
  const std::string_view text = base::trim(line);
  if (text.find_first_of(std::string_view("\n\r\0", 3)) != std::string_view::npos)
    refuse("give one public key, on one line");
  const std::size_t typeEnd = std::min(text.find_first_of(" \t"), text.size());
  const std::string type(text.substr(0, typeEnd));
  checkType(type);
  const std::string_view behindType = base::trim(text.substr(typeEnd));
  const std::size_t dataEnd = std::min(behindType.find_first_of(" \t"), behindType.size());
  const std::string data(behindType.substr(0, dataEnd));
  const auto blob = base::fromBase64(data);
  // One spelling only, so that two lines with the same key are the same line.
  if (!blob || base::toBase64(*blob) != data) refuse("the key's data is not base64");
  checkBlob(type, *blob);
  // The library that will verify signatures has the last word (points on curves).
  ssh_key raw = nullptr;
  const int rc = ssh_pki_import_pubkey_base64(data.c_str(), ssh_key_type_from_name(type.c_str()), &raw);
  const detail::SshKey key(raw);
  if (rc != SSH_OK || !detail::isAcceptedKeyType(key.get())) refuse("the key's data is not valid");
  return PublicKey{type + " " + data, "SHA256:" + base::sha256Base64(*blob),
                   base::printable(base::trim(behindType.substr(dataEnd)), 200)};
}

}  // namespace gitd
