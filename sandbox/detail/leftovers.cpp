#include "sandbox/detail/leftovers.h"

#include <pthread.h>

#include <utility>

#include "base/log.h"

namespace sandbox {

Leftovers::Leftovers(std::function<void(const std::string& id)> remove) : remove_(std::move(remove)) {
  thread_ = std::jthread([this](const std::stop_token& stop) { work(stop); });
  ::pthread_setname_np(thread_.native_handle(), "container-gone");
}

Leftovers::~Leftovers() {
  wait();
}

void Leftovers::add(std::string id) {
  const std::lock_guard lock(mutex_);
  ids_.push_back(std::move(id));
  changed_.notify_all();
}

void Leftovers::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return ids_.empty(); });
}

void Leftovers::work(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (changed_.wait(lock, stop, [this] { return !ids_.empty(); })) {
    const std::string id = ids_.front();
    lock.unlock();
    try {
      remove_(id);
    } catch (const std::exception& failure) {
      // The top of a worker's job.
      base::Log("sandbox").warn("a container is left behind", {{"id", id}, {"reason", failure.what()}});
    }
    lock.lock();
    ids_.pop_front();
    changed_.notify_all();
  }
}

}  // namespace sandbox
