#include "builder/stack_maker.h"

#include <poll.h>
#include <pthread.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <thread>
#include <utility>

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

const StackRecipe& recipeFor(const std::string& name) {
  for (const auto& recipe : detail::stackRecipes()) {
    if (recipe.name == name) return recipe;
  }
  throw Error(Errc::notFound, "there is no recipe for the stack " + base::printable(name) +
                                  "; known ones: " + base::join(knownStacks(), ", "));
}

void requireTools() {
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
  if (text.size() > sandbox::kHostProgramInputBytes)
    throw Error(Errc::invalidArgument, "the lists in /etc/apt are too long");
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

constexpr std::array kParts{std::pair{StackPart::run, "run"}, std::pair{StackPart::build, "build"}};

std::string programName(const std::string& stack, const std::string& part) {
  return "stack " + stack + " " + part;
}

/// One mmdebstrap and the layer that its output becomes. An abandoned one is asked to stop, so that it
/// removes its folder. One thread at a time.
class ImageMake {
 public:
  /// `end` is asked when it is abandoned, and may be another's, too: who goes first ends them all.
  ImageMake(const std::string& part, const std::string& stack, sandbox::HostPrograms& programs,
            store::BlobStore& blobs, std::stop_source& end)
      : label_(part + " image"), layer_(blobs), end_(end) {
    auto [outRead, outWrite] = base::makePipe();
    auto [logRead, logWrite] = base::makePipe();
    out_ = std::move(outRead);
    log_ = std::move(logRead);
    thread_ = std::thread([this, &programs, name = programName(stack, part), out = std::move(outWrite),
                           log = std::move(logWrite)]() mutable {
      ::pthread_setname_np(::pthread_self(), "stack-image");
      try {
        status_ = programs.run(name, out, log, end_.get_token());
      } catch (...) {
        failure_ = std::current_exception();
      }
      // Now the ends of what it wrote are seen.
      out.reset();
      log.reset();
    });
  }
  ~ImageMake() {
    if (!thread_.joinable()) return;
    end_.request_stop();
    thread_.join();
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
    thread_.join();
    if (failure_) std::rethrow_exception(failure_);
    if (!status_.ok()) {
      throw Error(Errc::unavailable, "making the " + label_ + " failed (mmdebstrap: " + status_.describe() +
                                         "): " + progress_.lastWords());
    }
    return layer_.commit();
  }

 private:
  const std::string label_;
  store::LayerWriter layer_;
  detail::InstallProgress progress_;
  std::stop_source& end_;
  base::Fd out_;
  base::Fd log_;
  std::array<char, 65536> buffer_{};
  base::ExitStatus status_;     // of the thread, until it is joined
  std::exception_ptr failure_;  // the same
  std::thread thread_;          // last
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

std::vector<std::string> stackPrograms() {
  std::vector<std::string> names;
  for (const std::string& stack : knownStacks())
    for (const auto& [part, word] : kParts)
      names.push_back(programName(stack, word));
  return names;
}

sandbox::HostProgram stackProgram(const std::string& name) {
  for (const auto& recipe : detail::stackRecipes()) {
    for (const auto& [part, word] : kParts) {
      if (name != programName(recipe.name, word)) continue;
      requireTools();
      std::string sources = sourcesText(recipe);
      const auto settings = detail::transportSettings(base::mustRun({"apt-config", "dump"}));
      return {.argv = detail::mmdebstrapArguments(recipe, part, settings),
              .environment = makeEnvironment(),
              .input = std::move(sources)};
    }
  }
  throw Error(Errc::notFound, "there is no program \"" + base::printable(name) + "\" that makes a stack");
}

StackLayers makeStack(const std::string& name, store::BlobStore& blobs, sandbox::HostPrograms& programs,
                      base::ByteSink& output, std::stop_token stop) {
  const StackRecipe& recipe = recipeFor(name);
  std::stop_source end;
  ImageMake run("run", recipe.name, programs, blobs, end);
  ImageMake build("build", recipe.name, programs, blobs, end);
  StackMake(run, build, output, std::move(stop)).stream();
  // Both first: an image alone is of no use.
  store::Layer runLayer = run.finish();
  store::Layer buildLayer = build.finish();
  return {.build = std::move(buildLayer), .run = std::move(runLayer)};
}

}  // namespace builder
