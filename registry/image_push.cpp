#include "registry/image_push.h"

#include <algorithm>
#include <chrono>

#include "base/log.h"
#include "registry/detail/passed.h"
#include "registry/detail/stoppable_pause.h"

namespace registry {
namespace {

constexpr int kBlobAttempts = 3;
constexpr std::chrono::milliseconds kPause{300};
constexpr std::chrono::milliseconds kLongestPause{10'000};

}  // namespace

bool isWorthRetrying(const base::Error& error) noexcept {
  return error.code() == base::Errc::unavailable || error.code() == base::Errc::overloaded ||
         error.code() == base::Errc::timedOut;
}

PushProgress pushImage(const ImagePush& push, store::BlobStore& blobs, const PushHooks& hooks,
                       std::stop_token stop) {
  RegistryClient client({.host = push.target.host,
                         .repository = push.target.repository,
                         .rights = ClientOptions::Rights::push,
                         .credential = push.credential,
                         .web = push.web},
                        stop);
  PushProgress progress{.blobs = push.image.blobs.size()};
  hooks.progress(progress);
  for (const store::Descriptor& blob : push.image.blobs) {
    const auto from = hooks.mountFrom(blob.digest);
    for (int attempt = 1;; ++attempt) {
      try {
        const auto pushed = client.pushBlob(
            blob,
            [&] {
              return std::make_unique<detail::WatchedSource>(blobs.open(blob.digest),
                                                             detail::Passed([&](std::uint64_t bytes) {
                                                               PushProgress soFar = progress;
                                                               soFar.bytesSent += bytes;
                                                               hooks.progress(soFar);
                                                             }));
            },
            from);
        if (pushed == RegistryClient::Pushed::sent) progress.bytesSent += blob.sizeBytes;
        break;
      } catch (const base::Error& error) {
        if (!isWorthRetrying(error) || attempt == kBlobAttempts) throw;
        base::Log("registry")
            .info("a blob is sent again", {{"digest", blob.digest.str()}, {"error", error.what()}});
        detail::stoppablePause(
            std::clamp<std::chrono::milliseconds>(client.retryAfter(), kPause * attempt, kLongestPause),
            stop);
      }
    }
    ++progress.blobsDone;
    hooks.progress(progress);
  }
  for (const std::string& tag : push.tags)
    client.pushManifest(tag, push.image);
  return progress;
}

}  // namespace registry
