#include "builder/stack_maker.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <memory>

#include "base/child_process.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/strings.h"
#include "builder/detail/apt_sources.h"
#include "builder/detail/install_progress.h"
#include "builder/detail/stack_recipe.h"
#include "store/layer_writer.h"

namespace builder {
namespace {

using base::Errc;
using base::Error;
using detail::StackPart;
using detail::StackRecipe;
using Steady = std::chrono::steady_clock;

constexpr auto kProgressEvery = std::chrono::seconds(2);
constexpr auto kStopGrace = std::chrono::seconds(10);

const StackRecipe& recipeFor(const std::string& name) {
  for (const auto& recipe : detail::stackRecipes()) {
    if (recipe.name == name) return recipe;
  }
  throw Error(Errc::notFound, "there is no recipe for the stack " + base::printable(name) +
                                  "; known ones: " + base::join(knownStacks(), ", "));
}

void requireTools() {
  if (::geteuid() != 0) throw Error(Errc::permissionDenied, "making a stack needs root");
  if (base::findProgram("mmdebstrap")) return;
  throw Error(Errc::unavailable, "mmdebstrap is not installed; install Debian's package mmdebstrap");
}

std::string sourcesText(const StackRecipe& recipe) {
  const auto sources = detail::releaseSources("/etc/apt", recipe.release);
  if (sources.empty()) {
    throw Error(Errc::unavailable, "/etc/apt names no Debian mirror with the suite " + recipe.release +
                                       "; add one to /etc/apt/sources.list.d to make the stack " +
                                       recipe.name);
  }
  std::string text;
  for (const auto& source : sources)
    text += source.line() + "\n";
  return text;
}

/// Nothing of the caller's but its proxies: the image must not depend on who makes it.
std::vector<std::string> makeEnvironment() {
  const char* temporary = std::getenv("TMPDIR");
  std::vector<std::string> environment = {
      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C.UTF-8",
      "DEBIAN_FRONTEND=noninteractive", "SOURCE_DATE_EPOCH=" + std::to_string(detail::kStackTimeSeconds),
      // Not /tmp: a small tmpfs there would not hold an image.
      std::string("TMPDIR=") + (temporary != nullptr ? temporary : "/var/tmp")};
  for (const char* name :
       {"http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"}) {
    if (const char* value = std::getenv(name)) environment.push_back(std::string(name) + "=" + value);
  }
  return environment;
}

/// The read end of a pipe that holds the whole text already.
base::Fd textPipe(std::string_view text) {
  constexpr std::size_t kPipeBytes = 60'000;
  if (text.size() > kPipeBytes) throw Error(Errc::invalidArgument, "the lists in /etc/apt are too long");
  auto [readEnd, writeEnd] = base::makePipe();
  base::writeAll(writeEnd, text);
  return std::move(readEnd);
}

/// One mmdebstrap and the layer that its output becomes. An abandoned one is asked to stop, so that it
/// removes its folder. One thread at a time.
class ImageMake {
 public:
  ImageMake(std::string label, const std::vector<std::string>& arguments, const std::string& sources,
            store::BlobStore& blobs)
      : label_(std::move(label)), layer_(blobs), child_(spawn(arguments, sources)) {}
  ~ImageMake() {
    if (finished_) return;
    child_.signalGroup(SIGTERM);
    try {
      child_.waitFor(kStopGrace);
    } catch (const std::exception&) {
      // Then the child's own end kills it.
    }
  }
  ImageMake(const ImageMake&) = delete;
  ImageMake& operator=(const ImageMake&) = delete;

  const base::Fd& out() const { return out_; }
  const base::Fd& log() const { return log_; }
  bool streaming() const { return out_.valid() || log_.valid(); }
  std::string progress() const { return label_ + ": " + progress_.describe(); }

  void readOut() {
    const std::size_t count = base::readSome(out_, buffer_.data(), buffer_.size());
    if (count == 0) return out_.reset();
    layer_.write({buffer_.data(), count});
  }
  void readLog() {
    const std::size_t count = base::readSome(log_, buffer_.data(), buffer_.size());
    if (count == 0) return log_.reset();
    progress_.write({buffer_.data(), count});
  }

  /// After streaming ended.
  store::Layer finish() {
    const auto status = child_.wait();
    finished_ = true;
    if (!status.ok()) {
      throw Error(Errc::unavailable, "making the " + label_ + " failed (mmdebstrap: " + status.describe() +
                                         "): " + progress_.lastWords());
    }
    return layer_.commit();
  }

 private:
  base::ChildProcess spawn(const std::vector<std::string>& arguments, const std::string& sources) {
    const base::Fd input = textPipe(sources);
    auto [outRead, outWrite] = base::makePipe();
    auto [logRead, logWrite] = base::makePipe();
    out_ = std::move(outRead);
    log_ = std::move(logRead);
    return base::ChildProcess::spawn({.argv = arguments,
                                      .environment = makeEnvironment(),
                                      .workingDirectory = "/",
                                      .fds = {{&input, 0}, {&outWrite, 1}, {&logWrite, 2}}});
  }

  std::string label_;
  store::LayerWriter layer_;
  detail::InstallProgress progress_;
  base::Fd out_;
  base::Fd log_;
  base::ChildProcess child_;  // after the pipes, which its start fills
  bool finished_ = false;
  std::array<char, 65536> buffer_{};
};

/// Moves both images' bytes until both have ended. One use.
class StackMake {
 public:
  StackMake(ImageMake& run, ImageMake& build, base::ByteSink& output, std::stop_token stop)
      : makes_{&run, &build}, output_(output), stop_(std::move(stop)), stopEvent_(base::makeEventFd()) {}

  void stream() {
    const std::stop_callback onStop(stop_, [this] { base::signalEvent(stopEvent_); });
    while (makes_[0]->streaming() || makes_[1]->streaming()) {
      if (stop_.stop_requested()) throw Error(Errc::cancelled, "making the stack was cancelled");
      pollOnce();
      report();
    }
  }

 private:
  void pollOnce() {
    // poll skips entries with a negative descriptor.
    std::array<pollfd, 5> entries{};
    entries[0] = {stopEvent_.get(), POLLIN, 0};
    for (std::size_t i = 0; i < makes_.size(); ++i) {
      entries[1 + 2 * i] = {makes_[i]->out().get(), POLLIN, 0};
      entries[2 + 2 * i] = {makes_[i]->log().get(), POLLIN, 0};
    }
    constexpr int kStepMs = 500;
    if (::poll(entries.data(), entries.size(), kStepMs) < 0 && errno != EINTR) {
      base::throwErrno(errno, "waiting for mmdebstrap");
    }
    for (std::size_t i = 0; i < makes_.size(); ++i) {
      if (entries[1 + 2 * i].revents != 0) makes_[i]->readOut();
      if (entries[2 + 2 * i].revents != 0) makes_[i]->readLog();
    }
  }

  void report() {
    const auto now = Steady::now();
    if (now < nextReport_) return;
    nextReport_ = now + kProgressEvery;
    for (const auto* make : makes_) {
      if (make->streaming()) output_.write("       " + make->progress() + "\n");
    }
  }

  std::array<ImageMake*, 2> makes_;
  base::ByteSink& output_;
  std::stop_token stop_;
  base::Fd stopEvent_;
  Steady::time_point nextReport_ = Steady::now();
};

}  // namespace

std::vector<std::string> knownStacks() {
  std::vector<std::string> names;
  for (const auto& recipe : detail::stackRecipes())
    names.push_back(recipe.name);
  return names;
}

StackLayers makeStack(const std::string& name, store::BlobStore& blobs, base::ByteSink& output,
                      std::stop_token stop) {
  const StackRecipe& recipe = recipeFor(name);
  requireTools();
  const std::string sources = sourcesText(recipe);
  const auto settings = detail::transportSettings(base::mustRun({"apt-config", "dump"}));
  const auto arguments = [&](StackPart part) { return detail::mmdebstrapArguments(recipe, part, settings); };
  ImageMake run("run image", arguments(StackPart::run), sources, blobs);
  ImageMake build("build image", arguments(StackPart::build), sources, blobs);
  StackMake(run, build, output, std::move(stop)).stream();
  // Both first: an image alone is of no use.
  store::Layer runLayer = run.finish();
  store::Layer buildLayer = build.finish();
  return {.build = std::move(buildLayer), .run = std::move(runLayer)};
}

}  // namespace builder
