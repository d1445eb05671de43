// Releases that go to registries elsewhere, too.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "base/byte_sink.h"
#include "base/clock.h"
#include "registry/image_push.h"
#include "registry/registry_credentials.h"
#include "runner/app_log.h"
#include "store/blob_store.h"
#include "store/publication_store.h"
#include "store/release_store.h"

namespace controller {

/// An app's own setting: HOST/NAME, or "none".
inline constexpr const char* kPublishSetting = "publish_to";

struct PublisherConfig {
  std::string publishTo;  ///< setting publish_to: HOST/PREFIX for all apps, the app's name is added; or empty
  registry::WebOptions web;
  std::chrono::milliseconds firstPause{5000};  ///< before a second attempt; doubles with each
  std::chrono::milliseconds longestPause{600'000};
  std::chrono::seconds giveUp = std::chrono::hours(24);  ///< setting publish_give_up_s
};

struct PublisherParts {
  store::ReleaseStore& store;
  store::PublicationStore& publications;
  store::BlobStore& blobs;
  const registry::RegistryCredentials& credentials;
  runner::AppLog& log;
  const base::Clock& clock;
};

/// One thread, one image at a time, from a list in the database: what was not sent before a crash is sent
/// after it, blob by blob only what the other side does not have. Tags: vN, git-COMMIT, and latest when the
/// release is the current one. Failures that may pass are tried again until giveUp; others wait for a person.
/// Thread-safe; outlived by its parts.
class ImagePublisher {
 public:
  ImagePublisher(PublisherConfig config, const PublisherParts& parts);
  ~ImagePublisher();
  ImagePublisher(const ImagePublisher&) = delete;
  ImagePublisher& operator=(const ImagePublisher&) = delete;

  /// Where the app's releases go; nullopt: nowhere.
  std::optional<std::string> target(const store::App& app);
  /// HOST/NAME as it is kept; throws invalidArgument, also for a tag or a digest.
  static std::string checkTarget(const std::string& text);

  /// The release serves now: it goes where the app's releases go, if anywhere.
  void released(const store::App& app, const store::Release& release);
  /// At the start: current releases that no row knows of.
  void requestMissing();
  /// Throws conflict for a release without an image.
  store::Publication publish(const store::Release& release, const std::string& target);
  /// Prints progress until it has succeeded or failed, and returns it then; cancelled when `stop` is asked
  /// for, which does not end the job.
  store::Publication watch(std::int64_t id, base::ByteSink& output, const std::stop_token& stop);
  /// Of the one that is being sent.
  std::optional<registry::PushProgress> progress(std::int64_t id);

 private:
  void loop(const std::stop_token& stop);
  void attempt(const store::Publication& job, const std::stop_token& stop);
  void push(const store::Publication& job, const std::stop_token& stop);
  void failed(const store::Publication& job, const base::Error& error);
  void tell(std::int64_t id, const registry::PushProgress& progress);
  void wake();

  const PublisherConfig config_;
  const PublisherParts parts_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::uint64_t news_ = 0;  // counts what the thread or a watcher should look at
  std::map<std::int64_t, registry::PushProgress> progress_;
  std::jthread thread_;  // last
};

/// "succeeded 2m ago", "attempt 3 at 12:00: WHY", for tables.
std::string describe(const store::Publication& job, const std::optional<registry::PushProgress>& progress);

}  // namespace controller
