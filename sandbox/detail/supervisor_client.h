// The daemon's side of the connections to its supervisor.
#pragma once

#include <mutex>
#include <utility>
#include <variant>
#include <vector>

#include "base/byte_sink.h"
#include "base/fd.h"
#include "sandbox/detail/frame_socket.h"
#include "sandbox/detail/supervisor_messages.h"

namespace sandbox {

/// Thread-safe. Each call throws what the supervisor says of a failure, and Error(unavailable) when it has
/// ended. Descriptors to send are borrowed.
class SupervisorClient {
 public:
  /// The daemon's end of makeChannel().
  explicit SupervisorClient(base::Fd channel) : channel_(std::move(channel)) {}

  /// One call and its answer; what the supervisor sends with it goes to `received`.
  Answer askFor(const Call& call, const std::vector<int>& sent, std::vector<base::Fd>& received);
  template <typename Wanted>
  Wanted ask(const Call& call, const std::vector<int>& sent = {}) {
    std::vector<base::Fd> none;
    return std::get<Wanted>(askFor(call, sent, none));
  }
  /// A call that is watched to its end: output goes to `output`, a stop is passed on.
  Answer follow(const Call& call, const std::vector<int>& sent, base::ByteSink& output,
                const RunOptions& options);
  template <typename Wanted>
  Wanted attached(const Call& call, const std::vector<int>& sent, base::ByteSink& output,
                  const RunOptions& options) {
    return std::get<Wanted>(follow(call, sent, output, options));
  }
  /// No more calls: the supervisor is told to end.
  void end();

 private:
  FrameSocket connect();
  FrameSocket takeIdle();
  void keepIdle(FrameSocket socket);

  base::Fd channel_;
  std::mutex mutex_;
  std::vector<FrameSocket> idle_;  // guarded by mutex_
};

/// An answer, or thrown what it says of a failure.
Answer answerOrThrow(Answer answer);

}  // namespace sandbox
