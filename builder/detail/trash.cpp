#include "builder/detail/trash.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>

#include <cerrno>
#include <vector>

#include "base/digest.h"
#include "base/error.h"
#include "base/log.h"
#include "builder/detail/lent_tree.h"

namespace builder::detail {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> entriesOf(const fs::path& folder) {
  std::vector<fs::path> entries;
  std::error_code missing;
  for (const auto& entry : fs::directory_iterator(folder, missing))
    entries.push_back(entry.path());
  return entries;
}

}  // namespace

Trash::Trash(fs::path folder, sandbox::ForeignTrees& trees) : folder_(std::move(folder)), trees_(trees) {
  fs::create_directories(folder_);
  thread_ = std::jthread([this](std::stop_token stop) { empty(std::move(stop)); });
  ::pthread_setname_np(thread_.native_handle(), "build-trash");
}

Trash::~Trash() {
  thread_.request_stop();
  changed_.notify_all();
}

void Trash::take(const fs::path& path) {
  constexpr std::size_t kNameBytes = 8;
  const fs::path place = folder_ / base::randomHex(kNameBytes);
  if (::rename(path.c_str(), place.c_str()) != 0) {
    if (errno == ENOENT) return;
    if (errno != EACCES && errno != EPERM) base::throwErrno(errno, "removing a build folder");
    takeForMoving(trees_, path);
    if (::rename(path.c_str(), place.c_str()) != 0) base::throwErrno(errno, "removing a build folder");
  }
  look();
}

void Trash::look() {
  const std::lock_guard lock(mutex_);
  pending_ = true;
  changed_.notify_all();
}

void Trash::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !pending_ && !busy_; });
}

void Trash::empty(std::stop_token stop) {
  for (;;) {
    std::unique_lock lock(mutex_);
    busy_ = false;
    changed_.notify_all();
    // What cannot be removed is tried again when the next comes.
    if (!changed_.wait(lock, stop, [this] { return pending_; })) return;
    pending_ = false;
    busy_ = true;
    lock.unlock();
    removeAll(stop);
  }
}

void Trash::removeAll(const std::stop_token& stop) {
  for (const auto& path : entriesOf(folder_)) {
    if (stop.stop_requested()) return;
    try {
      trees_.remove(path);
    } catch (const std::exception& error) {
      // The top of a worker's job: the rest can still go.
      base::Log("builder").warn("folder not removed", {{"folder", path.string()}, {"why", error.what()}});
    }
  }
}

}  // namespace builder::detail
