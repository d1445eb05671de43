#include "builder/detail/disk_watch.h"

#include <pthread.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"

namespace builder::detail {
namespace {

using Steady = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr auto kStep = milliseconds(200);
/// Between two measurings without a reason: at least this, and twenty times what the last one took.
constexpr auto kShortestPause = milliseconds(2'000);
constexpr auto kLongestPause = milliseconds(30'000);
constexpr int kPausePerCost = 20;
/// Of the file system's inodes, one in so many must stay free.
constexpr std::uint64_t kFreeInodesPart = 50;

struct statvfs stateOf(const std::filesystem::path& folder) {
  struct statvfs state {};
  if (::statvfs(folder.c_str(), &state) != 0) base::throwErrno(errno, "asking for free disk space");
  return state;
}

std::uint64_t freeBytes(const struct statvfs& state) {
  return static_cast<std::uint64_t>(state.f_bavail) * state.f_frsize;
}

}  // namespace

DiskWatch::DiskWatch(Folders folders, sandbox::ForeignTrees& trees, Limits limits)
    : folders_(std::move(folders)), trees_(trees), limits_(limits) {
  thread_ = std::jthread([this](const std::stop_token& stop) { work(stop); });
  ::pthread_setname_np(thread_.native_handle(), "build-disk");
}

DiskWatch::~DiskWatch() {
  thread_.request_stop();
}

DiskWatch::Phase::Phase(DiskWatch& watch, std::stop_source end, std::function<std::uint64_t(dev_t)> unseen)
    : watch_(watch) {
  const std::lock_guard lock(watch_.mutex_);
  watch_.running_ = Running{.end = std::move(end), .unseen = std::move(unseen)};
  watch_.changed_.notify_all();
}

DiskWatch::Phase::~Phase() {
  const std::lock_guard lock(watch_.mutex_);
  watch_.running_.reset();
}

std::optional<std::string> DiskWatch::verdict() const {
  const std::lock_guard lock(mutex_);
  return verdict_;
}

void DiskWatch::work(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (changed_.wait(lock, stop, [this] { return running_.has_value(); })) {
    const Running running = *running_;
    lock.unlock();
    std::optional<std::string> exceeded;
    try {
      exceeded = look(running, stop);
    } catch (const std::exception& error) {
      // The top of a worker's job. A build that moves its folders about is looked at again a moment later.
      base::Log("builder").debug("build folder not measured", {{"why", error.what()}});
    }
    lock.lock();
    if (exceeded) {
      if (!verdict_) verdict_ = std::move(exceeded);
      lock.unlock();
      running.end.request_stop();
      lock.lock();
    }
    changed_.wait_for(lock, stop, kStep, [] { return false; });
  }
}

std::optional<std::string> DiskWatch::look(const Running& running, const std::stop_token& stop) {
  const struct statvfs state = stateOf(folders_.watched);
  const std::uint64_t left = freeBytes(state);
  if (left < limits_.minFreeBytes)
    return "the server's disk has less than " + base::formatBytes(limits_.minFreeBytes) +
           " left (setting disk_min_free_bytes)";
  if (state.f_files > 0 && state.f_favail < state.f_files / kFreeInodesPart)
    return "the server's disk has too few inodes left for its files: make less of them";
  // Others write and remove beside it: what went says when to look, not what was used.
  const std::uint64_t gone = freeThen_ > left ? freeThen_ - left : 0;
  if (Steady::now() < nextMeasure_ && usedBytes_ + gone <= limits_.maxBytes) return std::nullopt;
  usedBytes_ = measure(running, stop);
  if (usedBytes_ <= limits_.maxBytes) return std::nullopt;
  return "it wrote more than " + base::formatBytes(limits_.maxBytes) +
         " to its folders (setting build_disk_bytes)";
}

std::uint64_t DiskWatch::measure(const Running& running, const std::stop_token& stop) {
  freeThen_ = freeBytes(stateOf(folders_.watched));
  const auto start = Steady::now();
  nextMeasure_ = start + kShortestPause;  // also when it throws
  struct stat info {};
  if (::stat(folders_.watched.c_str(), &info) != 0) base::throwErrno(errno, "measuring a build's folder");
  std::uint64_t bytes =
      trees_.diskBytes(folders_.watched, stop) + (running.unseen ? running.unseen(info.st_dev) : 0);
  if (std::filesystem::is_directory(folders_.beside)) bytes += trees_.diskBytes(folders_.beside, stop);
  const auto cost = std::chrono::duration_cast<milliseconds>(Steady::now() - start);
  nextMeasure_ = Steady::now() + std::clamp(cost * kPausePerCost, kShortestPause, kLongestPause);
  return bytes;
}

}  // namespace builder::detail
