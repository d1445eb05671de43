#include "runner/detail/write_watch.h"

#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/error.h"

namespace runner::detail {
namespace {

using std::chrono::milliseconds;

constexpr std::uint32_t kWrites = IN_MODIFY | IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_TO | IN_DELETE;
constexpr std::uint32_t kFolders = IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE;

bool wait(std::array<pollfd, 2>& files, nfds_t count, milliseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(end - std::chrono::steady_clock::now());
    const int ready =
        ::poll(files.data(), count, static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 3'600'000)));
    if (ready >= 0) return ready > 0;
    if (errno != EINTR) base::throwErrno(errno, "waiting for what is written");
  }
}

}  // namespace

WriteWatch::WriteWatch(std::filesystem::path root, std::filesystem::path elsewhere)
    : root_(std::move(root)),
      elsewhere_(std::move(elsewhere)),
      events_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)),
      woken_(base::makeEventFd()) {
  watchAll();
}

/// A folder that is watched already keeps its watch, whatever its name is now.
void WriteWatch::watchAll() {
  complete_ = events_.valid();
  if (!complete_) return;
  const auto watch = [this](const std::filesystem::path& folder, std::uint32_t events) {
    const int number = ::inotify_add_watch(events_.get(), folder.c_str(), events | IN_ONLYDIR);
    if (number < 0 && errno != ENOENT && errno != ENOTDIR) complete_ = false;
    return number;
  };
  rootWatch_ = watch(root_, kFolders);
  if (rootWatch_ < 0) complete_ = false;
  if (!elsewhere_.empty()) {
    elsewhereWatch_ = watch(elsewhere_, kWrites);
    if (elsewhereWatch_ < 0) complete_ = false;
  }
  names_.clear();
  std::error_code missing;
  for (const auto& item : std::filesystem::directory_iterator(root_, missing)) {
    const int number = watch(item.path(), kWrites);
    if (number >= 0) names_.insert_or_assign(number, item.path().filename().string());
  }
}

WriteWatch::Written WriteWatch::wait(milliseconds atMost) {
  std::array<pollfd, 2> files{{{.fd = woken_.get(), .events = POLLIN, .revents = 0},
                               {.fd = events_.get(), .events = POLLIN, .revents = 0}}};
  if (!detail::wait(files, files.size(), atMost) || (files[1].revents & POLLIN) == 0) {
    // What was not there before may be now.
    if (!complete_) watchAll();
    return {};
  }
  return read();
}

void WriteWatch::pause(milliseconds time) const {
  std::array<pollfd, 2> files{{{.fd = woken_.get(), .events = POLLIN, .revents = 0}, {}}};
  detail::wait(files, 1, time);
}

WriteWatch::Written WriteWatch::read() {
  Written written;
  alignas(inotify_event) std::array<char, 16u << 10> buffer;
  for (;;) {
    const ssize_t count = ::read(events_.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    for (ssize_t at = 0; at < count;) {
      inotify_event event{};
      std::memcpy(&event, buffer.data() + at, sizeof(event));
      const std::string_view name(buffer.data() + at + sizeof(event));
      at += static_cast<ssize_t>(sizeof(event) + event.len);
      if ((event.mask & IN_Q_OVERFLOW) != 0 || event.wd == rootWatch_) {
        written.anywhere = true;
      } else if (event.len > 0 && name.ends_with(".log")) {
        if (event.wd == elsewhereWatch_) written.elsewhere = true;
        if (const auto found = names_.find(event.wd); found != names_.end())
          written.folders.insert(found->second);
      }
    }
  }
  // Before who asks looks: what is written while it looks is told next.
  if (written.anywhere) watchAll();
  return written;
}

}  // namespace runner::detail
