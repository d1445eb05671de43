#include "base/http_tls.h"

#include <Poco/Net/InvalidCertificateHandler.h>
#include <Poco/Net/NetSSL.h>
#include <Poco/Net/SSLException.h>
#include <Poco/Net/SSLManager.h>
#include <Poco/Net/SecureStreamSocket.h>
#include <Poco/Net/VerificationErrorArgs.h>
#include <sys/mman.h>

#include <cerrno>

#include "base/error.h"
#include "base/fd.h"

namespace base {
namespace {

/// The library asks on the thread that shakes hands, and its exception does not say why.
thread_local std::string lastRefusal;

/// Says no to every certificate that does not verify.
class Refuse : public Poco::Net::InvalidCertificateHandler {
 public:
  Refuse() : InvalidCertificateHandler(false) {}
  void onInvalidCertificate(const void*, Poco::Net::VerificationErrorArgs& error) override {
    lastRefusal = error.errorMessage();
    error.setIgnoreError(false);
  }
};

constexpr std::size_t kMaxPem = 1u << 20;

Fd memoryFile(const std::string& text) {
  Fd file(::memfd_create("pem", MFD_CLOEXEC));
  if (!file.valid()) throwErrno(errno, "keeping a certificate in memory");
  writeAll(file, text);
  return file;
}

std::string nameOf(const Fd& file) {
  return "/proc/self/fd/" + std::to_string(file.get());
}

}  // namespace

Poco::Net::Context::Ptr makeTlsContext(const std::filesystem::path& caBundle) {
  static const auto initialized = [] {
    Poco::Net::initializeSSL();
    Poco::Net::SSLManager::instance().initializeClient(
        nullptr, new Refuse,
        new Poco::Net::Context(Poco::Net::Context::TLS_CLIENT_USE, "", Poco::Net::Context::VERIFY_STRICT));
    return true;
  }();
  static_cast<void>(initialized);
  return new Poco::Net::Context(Poco::Net::Context::TLS_CLIENT_USE, "", "", caBundle.string(),
                                Poco::Net::Context::VERIFY_STRICT, 9, caBundle.empty());
}

Poco::Net::Context::Ptr makeTlsServerContext(const std::filesystem::path& certificate,
                                             const std::filesystem::path& key) {
  for (const auto& file : {certificate, key}) {
    if (!std::filesystem::is_regular_file(file))
      throw Error(Errc::invalidArgument, "there is no certificate or key at \"" + file.string() + "\"");
  }
  return makeTlsServerContext(PemFile{certificate, readFile(certificate, kMaxPem)},
                              PemFile{key, readFile(key, kMaxPem)});
}

Poco::Net::Context::Ptr makeTlsServerContext(const PemFile& certificate, const PemFile& key) {
  // The library takes names of files, so these are in memory.
  const Fd certificateCopy = memoryFile(certificate.text);
  const Fd keyCopy = memoryFile(key.text);
  try {
    Poco::Net::Context::Ptr context =
        new Poco::Net::Context(Poco::Net::Context::TLS_SERVER_USE, nameOf(keyCopy), nameOf(certificateCopy),
                               "", Poco::Net::Context::VERIFY_NONE);
    context->requireMinimumProtocol(Poco::Net::Context::PROTO_TLSV1_2);
    context->enableSessionCache(false);
    return context;
  } catch (const Poco::Exception&) {
    throw Error(Errc::invalidArgument, "\"" + certificate.name.string() + "\" and \"" + key.name.string() +
                                           "\" are not a certificate and its key in PEM files");
  }
}

std::variant<Poco::Net::StreamSocket, UntrustedCertificate> startTls(const Poco::Net::StreamSocket& plain,
                                                                     const std::string& host,
                                                                     const Poco::Net::Context::Ptr& context) {
  lastRefusal.clear();
  try {
    auto secure = Poco::Net::SecureStreamSocket::attach(plain, host, context);
    secure.completeHandshake();
    return secure;
  } catch (const Poco::Net::CertificateValidationException&) {
    return UntrustedCertificate{"it is not for the name " + host};
  } catch (const Poco::Net::SSLException&) {
    if (lastRefusal.empty()) throw;
    return UntrustedCertificate{lastRefusal};
  }
}

}  // namespace base
