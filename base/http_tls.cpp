#include "base/http_tls.h"

#include <Poco/Net/NetSSL.h>
#include <Poco/Net/RejectCertificateHandler.h>
#include <Poco/Net/SSLManager.h>

namespace base {

/// The library wants a handler for certificates that do not verify; ours says no.
Poco::Net::Context::Ptr makeTlsContext(const std::filesystem::path& caBundle) {
  static const auto initialized = [] {
    Poco::Net::initializeSSL();
    Poco::Net::SSLManager::instance().initializeClient(
        nullptr, new Poco::Net::RejectCertificateHandler(false),
        new Poco::Net::Context(Poco::Net::Context::TLS_CLIENT_USE, "", Poco::Net::Context::VERIFY_STRICT));
    return true;
  }();
  static_cast<void>(initialized);
  return new Poco::Net::Context(Poco::Net::Context::TLS_CLIENT_USE, "", "", caBundle.string(),
                                Poco::Net::Context::VERIFY_STRICT, 9, caBundle.empty());
}

}  // namespace base
