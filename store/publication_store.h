// Which releases have to go, and went, to registries elsewhere.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "store/model.h"
#include "store/release_store.h"

namespace store {

enum class PublicationState { pending, succeeded, failed };
std::string_view name(PublicationState state) noexcept;

struct Publication {
  std::int64_t id = 0;
  AppId app = 0;
  std::int64_t release = 0;
  ReleaseVersion version;
  std::string target;  ///< "HOST/NAME"
  PublicationState state = PublicationState::pending;
  std::int64_t attempts = 0;
  Time nextAt;  ///< of a pending one
  Time requestedAt;
  std::string message;  ///< why the last attempt failed
  std::optional<Time> finishedAt;
};

/// In the same database as the releases, with which they go. Thread-safe as ReleaseStore is, which outlives
/// it; every mutating call is one transaction and durable when it returns.
class PublicationStore {
 public:
  explicit PublicationStore(ReleaseStore& store) : store_(store) {}

  /// A job that is due now; one that failed or is done begins anew, a pending one stays as it is but is due.
  Publication request(std::int64_t release, const std::string& target);
  /// The pending one that is to be tried first, whether it is due yet or not.
  std::optional<Publication> next();
  std::optional<Publication> find(std::int64_t id);
  std::vector<Publication> ofRelease(std::int64_t release);
  std::vector<Publication> ofApp(AppId app, std::size_t limit);  ///< newest first

  void succeed(std::int64_t id);
  /// Gives up: a person has to do something.
  void fail(std::int64_t id, const std::string& message);
  void retryAt(std::int64_t id, Time when, const std::string& message);
  /// Pending ones of the app are not to be done any more.
  void cancelPending(AppId app);

  /// A repository ("HOST/NAME") on the same host that a published release with this blob went to, other than
  /// `target` itself.
  std::optional<std::string> publishedWith(const Digest& blob, const std::string& target);

 private:
  ReleaseStore& store_;
};

}  // namespace store
