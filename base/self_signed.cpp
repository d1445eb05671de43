#include "base/self_signed.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <ctime>

#include "base/atomic_file.h"
#include "base/c_handle.h"
#include "base/error.h"
#include "base/fd.h"

namespace base {
namespace {

using Key = CHandle<EVP_PKEY, &EVP_PKEY_free>;
using Certificate = CHandle<X509, &X509_free>;
using Extension = CHandle<X509_EXTENSION, &X509_EXTENSION_free>;
using Bio = CHandle<BIO, &BIO_free_all>;

constexpr long kDay = 24L * 3600;
constexpr long kLifetime = 3650 * kDay;
constexpr long kRenewBefore = 30 * kDay;
constexpr std::size_t kMaxFile = 64u << 10;

void require(bool ok) {
  if (!ok) throw Error(Errc::internal, "a certificate could not be made");
}

bool isAddress(const std::string& host) {
  CHandle<ASN1_OCTET_STRING, &ASN1_OCTET_STRING_free> address(a2i_IPADDRESS(host.c_str()));
  return address != nullptr;
}

bool isGoodFor(const std::filesystem::path& file, const std::string& host) {
  const std::string text = readFile(file, kMaxFile);
  const Bio bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  const Certificate certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  if (!certificate) return false;
  std::time_t soon = std::time(nullptr) + kRenewBefore;
  if (X509_cmp_time(X509_get0_notAfter(certificate.get()), &soon) <= 0) return false;
  return isAddress(host) ? X509_check_ip_asc(certificate.get(), host.c_str(), 0) == 1
                         : X509_check_host(certificate.get(), host.data(), host.size(), 0, nullptr) == 1;
}

void extend(X509* certificate, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()));
  require(extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1);
}

std::string nameOf(const std::string& host) {
  // What stands in a certificate is no place for what a setting may hold beside a name.
  const bool plain = !host.empty() && host.find_first_not_of(
                                          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                          "0123456789.-:") == std::string::npos;
  if (!plain) throw Error(Errc::invalidArgument, "a certificate cannot be made for \"" + host + "\"");
  return (isAddress(host) ? "IP:" : "DNS:") + host;
}

Certificate makeCertificate(EVP_PKEY* key, const std::string& host) {
  Certificate certificate(X509_new());
  require(certificate != nullptr);
  X509* made = certificate.get();
  std::uint64_t serial = 0;
  require(RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) == 1);
  require(X509_set_version(made, X509_VERSION_3) == 1 &&
          ASN1_INTEGER_set_uint64(X509_get_serialNumber(made), serial >> 1) == 1 &&
          X509_gmtime_adj(X509_getm_notBefore(made), -kDay) != nullptr &&
          X509_gmtime_adj(X509_getm_notAfter(made), kLifetime) != nullptr && X509_set_pubkey(made, key) == 1);
  X509_NAME* subject = X509_get_subject_name(made);
  const std::string shown = "Fairlead at " + host.substr(0, 40);
  require(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                                     reinterpret_cast<const unsigned char*>(shown.c_str()), -1, -1, 0) == 1 &&
          X509_set_issuer_name(made, subject) == 1);
  extend(made, NID_basic_constraints, "critical,CA:TRUE");
  extend(made, NID_ext_key_usage, "serverAuth");
  extend(made, NID_subject_alt_name, nameOf(host) + ",DNS:localhost,IP:127.0.0.1");
  extend(made, NID_subject_key_identifier, "hash");
  require(X509_sign(made, key, EVP_sha256()) > 0);
  return certificate;
}

template <typename Write>
std::string pemOf(Write write) {
  const Bio bio(BIO_new(BIO_s_mem()));
  require(bio != nullptr && write(bio.get()) == 1);
  char* text = nullptr;
  const long length = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(length)};
}

}  // namespace

SelfSigned keepSelfSigned(const std::filesystem::path& folder, const std::string& name,
                          const std::string& host) {
  const SelfSigned files{folder / (name + ".pem"), folder / (name + ".key")};
  if (std::filesystem::exists(files.key) && std::filesystem::exists(files.certificate) &&
      isGoodFor(files.certificate, host))
    return files;
  const Key key(EVP_EC_gen("P-256"));
  require(key != nullptr);
  const Certificate certificate = makeCertificate(key.get(), host);
  const std::string keyText = pemOf([&](BIO* bio) {
    return PEM_write_bio_PKCS8PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
  const std::string text = pemOf([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate.get()); });
  std::filesystem::create_directories(folder);
  writeFileAtomically(files.key, keyText, 0600);
  writeFileAtomically(files.certificate, text, 0644);
  return files;
}

}  // namespace base
