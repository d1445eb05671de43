#include "controller/image_publisher.h"

#include <pthread.h>

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "controller/source_tree.h"

namespace controller {
namespace {

using registry::PushProgress;
using store::Publication;
using store::PublicationState;

constexpr const char* kNowhere = "none";
constexpr std::chrono::seconds kIdle{3600};

/// The longer the more attempts there were.
std::chrono::milliseconds pauseAfter(std::int64_t attempts, const PublisherConfig& config) {
  const auto doublings = std::min<std::int64_t>(attempts, 16);
  return std::min<std::chrono::milliseconds>(config.firstPause * (std::int64_t{1} << doublings),
                                             config.longestPause);
}

std::string progressLine(const PushProgress& progress) {
  return std::to_string(progress.blobsDone) + " of " + std::to_string(progress.blobs) + " blobs, " +
         base::formatBytes(progress.bytesSent) + " sent";
}

}  // namespace

std::string describe(const Publication& job, const std::optional<PushProgress>& progress) {
  if (job.state == PublicationState::succeeded) return "succeeded " + base::toRfc3339(*job.finishedAt);
  if (job.state == PublicationState::failed) return "failed: " + job.message;
  if (progress) return "sending, " + progressLine(*progress);
  if (job.attempts == 0) return "pending";
  return "attempt " + std::to_string(job.attempts + 1) + " at " + base::toRfc3339(job.nextAt) + ": " +
         job.message;
}

ImagePublisher::ImagePublisher(PublisherConfig config, const PublisherParts& parts)
    : config_(std::move(config)), parts_(parts) {
  thread_ = std::jthread([this](const std::stop_token& stop) {
    ::pthread_setname_np(::pthread_self(), "publish");
    loop(stop);
  });
}

ImagePublisher::~ImagePublisher() = default;

std::string ImagePublisher::checkTarget(const std::string& text) {
  const auto reference = registry::ImageReference::parse(text);
  if (!reference.tag.empty() || reference.digest)
    throw base::Error(
        base::Errc::invalidArgument,
        "\"" + base::printable(text) +
            "\" has a tag or a digest: name the repository alone, tags are the releases' (v1, v2, ...)");
  return reference.name();
}

std::optional<std::string> ImagePublisher::target(const store::App& app) {
  const auto settings = parts_.store.settings(app.id);
  if (const auto own = settings.find(kPublishSetting); own != settings.end())
    return own->second == kNowhere ? std::nullopt : std::optional(own->second);
  if (config_.publishTo.empty()) return std::nullopt;
  return checkTarget(config_.publishTo + "/" + app.name.str());
}

void ImagePublisher::wake() {
  {
    const std::lock_guard lock(mutex_);
    ++news_;
  }
  changed_.notify_all();
}

void ImagePublisher::released(const store::App& app, const store::Release& release) {
  const auto where = target(app);
  if (where && release.manifest) publish(release, *where);
}

void ImagePublisher::requestMissing() {
  for (const store::App& app : parts_.store.apps()) {
    const auto where = target(app);
    const store::Release current = parts_.store.currentRelease(app.id);
    if (!where || !current.manifest || current.state != store::ReleaseState::succeeded) continue;
    const auto known = parts_.publications.ofRelease(current.id);
    const bool there = std::any_of(known.begin(), known.end(),
                                   [&](const Publication& each) { return each.target == *where; });
    if (!there) publish(current, *where);
  }
}

Publication ImagePublisher::publish(const store::Release& release, const std::string& target) {
  if (!release.manifest)
    throw base::Error(base::Errc::conflict, release.version.str() + " has no image: push to make one");
  Publication job = parts_.publications.request(release.id, target);
  wake();
  return job;
}

std::optional<PushProgress> ImagePublisher::progress(std::int64_t id) {
  const std::lock_guard lock(mutex_);
  const auto found = progress_.find(id);
  return found == progress_.end() ? std::nullopt : std::optional(found->second);
}

void ImagePublisher::tell(std::int64_t id, const PushProgress& progress) {
  {
    const std::lock_guard lock(mutex_);
    progress_[id] = progress;
    ++news_;
  }
  changed_.notify_all();
}

Publication ImagePublisher::watch(std::int64_t id, base::ByteSink& output, const std::stop_token& stop) {
  std::string said;
  if (const auto job = parts_.publications.find(id))
    output.write("-----> Publishing " + job->version.str() + " to " + job->target + "\n");
  while (true) {
    std::uint64_t seen = 0;
    std::optional<PushProgress> progress;
    {
      const std::lock_guard lock(mutex_);
      seen = news_;
      if (const auto found = progress_.find(id); found != progress_.end()) progress = found->second;
    }
    const auto job = parts_.publications.find(id);
    if (!job) throw base::Error(base::Errc::notFound, "the release is not here any more");
    if (job->state != PublicationState::pending) return *job;
    std::string line = progress            ? "       " + progressLine(*progress)
                       : job->attempts > 0 ? "       " + describe(*job, progress)
                                           : "";
    if (!line.empty() && line != said) output.write(line + "\n");
    said = std::move(line);
    std::unique_lock lock(mutex_);
    changed_.wait(lock, stop, [&] { return news_ != seen; });
    if (stop.stop_requested())
      throw base::Error(base::Errc::cancelled, "cancelled; the release goes on being sent");
  }
}

void ImagePublisher::push(const Publication& job, const std::stop_token& stop) {
  const store::App app = parts_.store.getApp(job.app);
  const store::Release release = parts_.store.getRelease(job.app, job.version);
  const auto image = release.manifest ? parts_.store.findManifest(
                                            store::RepositoryName::parse(app.name.str()), *release.manifest)
                                      : std::nullopt;
  if (!image)
    throw base::Error(base::Errc::notFound,
                      "the image of " + job.version.str() + " is not here any more (see fairlead gc)");
  std::vector<std::string> tags{release.version.str()};
  if (release.slug) {
    const std::string commit = parts_.store.getSlug(*release.slug).commit;
    if (isCommitId(commit)) tags.push_back("git-" + commit.substr(0, 12));
  }
  if (parts_.store.currentRelease(app.id).id == release.id) tags.emplace_back("latest");
  const auto target = registry::ImageReference::parse(job.target);
  const registry::PushHooks hooks{[&](const store::Digest& digest) -> std::optional<store::RepositoryName> {
                                    const auto known = parts_.publications.publishedWith(digest, job.target);
                                    if (!known) return std::nullopt;
                                    return registry::ImageReference::parse(*known).repository;
                                  },
                                  [&](const PushProgress& progress) { tell(job.id, progress); }};
  registry::pushImage({.target = target,
                       .image = *image,
                       .tags = tags,
                       .credential = parts_.credentials.find(target.host),
                       .web = config_.web},
                      parts_.blobs, hooks, stop);
  parts_.publications.succeed(job.id);
  parts_.log.append(app.name, "publish", release.version.str() + " is at " + job.target + ":" + tags.front());
  base::Log("controller")
      .info("release published",
            {{"app", app.name.str()}, {"release", release.version.str()}, {"target", job.target}});
}

void ImagePublisher::failed(const Publication& job, const base::Error& error) {
  const store::Time now = parts_.clock.now();
  const store::Time again = now + pauseAfter(job.attempts, config_);
  const bool retries = registry::isWorthRetrying(error) && again < job.requestedAt + config_.giveUp;
  base::Log("controller")
      .error("publishing failed", {{"release", job.version.str()},
                                   {"target", job.target},
                                   {"attempt", job.attempts + 1},
                                   {"error", error.what()},
                                   {"again", retries}});
  if (retries) {
    parts_.publications.retryAt(job.id, again, error.what());
    return;
  }
  parts_.publications.fail(job.id, error.what());
  const store::App app = parts_.store.getApp(job.app);
  parts_.log.append(app.name, "publish",
                    job.version.str() + " could not be published to " + job.target + ": " + error.what());
}

void ImagePublisher::attempt(const Publication& job, const std::stop_token& stop) {
  try {
    push(job, stop);
  } catch (const base::Error& error) {
    if (!stop.stop_requested()) failed(job, error);
  }
  const std::lock_guard lock(mutex_);
  progress_.erase(job.id);
}

void ImagePublisher::loop(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    std::chrono::milliseconds wait = kIdle;
    std::uint64_t seen = 0;
    {
      const std::lock_guard lock(mutex_);
      seen = news_;
    }
    try {
      if (const auto job = parts_.publications.next()) {
        wait = std::min<std::chrono::milliseconds>(kIdle, job->nextAt - parts_.clock.now());
        if (wait.count() <= 0) {
          attempt(*job, stop);
          wake();
          continue;
        }
      }
    } catch (const std::exception& error) {
      base::Log("controller").error("publishing failed", {{"error", error.what()}});
      wait = config_.firstPause;
    }
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, stop, wait, [&] { return news_ != seen; });
  }
}

}  // namespace controller
