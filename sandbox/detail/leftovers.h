// Removing what ended containers leave, off the critical path.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

namespace sandbox {

/// Calls `remove` for each id that it is given, in order, on a thread of its own ("container-gone"): cgroups,
/// addresses and folders take longer to remove than a short container ran. What fails is logged and stays for
/// remove(). Thread-safe.
class Leftovers {
 public:
  explicit Leftovers(std::function<void(const std::string& id)> remove);
  /// When all is done.
  ~Leftovers();
  Leftovers(const Leftovers&) = delete;
  Leftovers& operator=(const Leftovers&) = delete;

  void add(std::string id);
  /// Until all that was added is done.
  void wait();

 private:
  void work(const std::stop_token& stop);

  const std::function<void(const std::string& id)> remove_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<std::string> ids_;  // guarded by mutex_; the first is being removed
  std::jthread thread_;          // last: it uses what is above
};

}  // namespace sandbox
