// Tarballs that were uploaded for builds, for a while.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/byte_sink.h"
#include "base/clock.h"
#include "base/fd.h"
#include "controller/url_signer.h"

namespace controller {

/// Files DIR/sources/UUID, each with a pair of signed paths: one PUT fills it (again: replaces it), a GET
/// reads it. A thread ("sources") removes what is older than the signatures live, hourly. A build holds its
/// file open, so that removing is always safe. Thread-safe.
class SourceStore {
 public:
  struct Config {
    std::uint64_t maxBytes = 1ull << 30;        ///< setting source_max_bytes
    std::uint64_t minFreeBytes = 256ull << 20;  ///< setting disk_min_free_bytes
  };
  /// What an earlier process left half uploaded is removed.
  SourceStore(std::filesystem::path folder, Config config, const UrlSigner& signer, const base::Clock& clock);
  ~SourceStore();
  SourceStore(const SourceStore&) = delete;
  SourceStore& operator=(const SourceStore&) = delete;

  /// Paths with signatures. Nothing is stored until the PUT.
  struct Paths {
    std::string get;
    std::string put;
  };
  Paths create() const;
  /// Stores a body. Throws permissionDenied for a signature that is not right or has come of age meanwhile,
  /// invalidArgument beyond maxBytes, unavailable when the disk is nearly full.
  void put(const std::string& pathAndQuery, base::ByteSource& body);
  /// The file behind a signed path, for reading by its name. Throws as put(), notFound when nothing was
  /// uploaded.
  std::filesystem::path file(const std::string& pathAndQuery) const;
  std::uint64_t maxBytes() const noexcept { return config_.maxBytes; }
  /// Throws what put() throws beyond maxBytes().
  [[noreturn]] void refuseSize() const;

  /// What a build's source URL names: a signed path of ours (with any host in front, or none) is opened; any
  /// other is an https URL for a build to fetch, and gives nullptr. Throws invalidArgument for what is
  /// neither, and when the upload is not there.
  std::shared_ptr<const base::Fd> resolve(const std::string& url) const;
  void sweep();

 private:
  enum class Left { old, unfinished };
  void removeLeft(Left also);
  std::filesystem::path place(const std::string& pathAndQuery) const;

  const std::filesystem::path folder_;
  const Config config_;
  const UrlSigner& signer_;
  const base::Clock& clock_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::jthread sweeper_;  // last: it uses what is above
};

}  // namespace controller
