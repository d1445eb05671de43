// TLS as a client, set up once for the program.
#pragma once

#include <Poco/Net/Context.h>

#include <filesystem>

namespace base {

/// Verifies strictly against `caBundle`, or the system's authorities when that is empty. Thread-safe.
Poco::Net::Context::Ptr makeTlsContext(const std::filesystem::path& caBundle);

}  // namespace base
