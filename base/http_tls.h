// TLS, set up once for the program.
#pragma once

#include <Poco/Net/Context.h>
#include <Poco/Net/StreamSocket.h>

#include <filesystem>
#include <string>
#include <variant>

namespace base {

/// Verifies strictly against `caBundle` (a PEM file, or a folder of hashed names), or the system's
/// authorities when that is empty. Thread-safe. Throws Poco::Exception for a bundle that cannot be read.
Poco::Net::Context::Ptr makeTlsContext(const std::filesystem::path& caBundle);

/// For serving, from TLS 1.2 on; clients show no certificate. Both are PEM files; the certificate's may hold
/// the intermediate ones. Throws invalidArgument naming the file that cannot be used.
Poco::Net::Context::Ptr makeTlsServerContext(const std::filesystem::path& certificate,
                                             const std::filesystem::path& key);

struct PemFile {
  std::filesystem::path name;  ///< for errors
  std::string text;
};
/// The same from what was read of them.
Poco::Net::Context::Ptr makeTlsServerContext(const PemFile& certificate, const PemFile& key);

/// Why a certificate was not believed, in words that end a sentence.
struct UntrustedCertificate {
  std::string reason;
};

/// Shakes hands as a client over a connected socket, whose timeouts hold for it: says `host` by SNI, and
/// holds the certificate against it. The socket that comes back owns the connection. Blocks. Throws
/// Poco::Exception for a peer that speaks no TLS or is gone.
std::variant<Poco::Net::StreamSocket, UntrustedCertificate> startTls(const Poco::Net::StreamSocket& plain,
                                                                     const std::string& host,
                                                                     const Poco::Net::Context::Ptr& context);

}  // namespace base
