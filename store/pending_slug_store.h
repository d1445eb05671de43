// Slugs that were announced and whose content is still to come.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "store/release_store.h"

namespace store {

/// What was said of a slug before its content came.
struct PendingSlug {
  std::string uuid;  ///< the slug's, too, when it is there; given by the store
  AppId app = 0;
  std::string user;  ///< who announced it
  std::string commit;
  std::string commitDescription;
  std::string stack;
  std::string buildpack;
  std::optional<Digest> checksum = std::nullopt;  ///< of what will be sent
  ProcessTypes processTypes;
  Time createdAt = {};  ///< given by the store
  Time expiresAt;       ///< after this it takes no content, and is removed
};

/// What came.
struct SlugContent {
  std::vector<Layer> layers;  ///< in the blob store
  std::string checks = {};    ///< Slug::checks
  std::string cron = {};      ///< Slug::cron
};

/// Their rows. One whose time is over is not found. Thread-safe; the ReleaseStore outlives it.
class PendingSlugStore {
 public:
  /// For how long one stays after its time: what came in time may still be unpacked. After that Collector
  /// removes it, or whoever announces another of its app.
  static constexpr auto kWorkTime = std::chrono::hours(1);

  explicit PendingSlugStore(ReleaseStore& store) : store_(store) {}

  /// Throws overloaded, naming the setting slug_uploads_max, when the app has `max` of them; notFound for an
  /// app that is gone.
  PendingSlug announce(const PendingSlug& slug, std::size_t max);
  std::optional<PendingSlug> find(const std::string& uuid);  ///< of any app
  /// Makes it a slug, in one transaction, durable when it returns. Also when its time has just ended. Throws
  /// notFound when it is not there any more.
  Slug fill(const std::string& uuid, const SlugContent& content);

 private:
  ReleaseStore& store_;
};

}  // namespace store
