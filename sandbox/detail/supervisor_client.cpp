#include "sandbox/detail/supervisor_client.h"

#include <sys/socket.h>

#include <exception>
#include <optional>
#include <stop_token>

#include "base/error.h"
#include "sandbox/detail/supervisor_channel.h"

namespace sandbox {
namespace {

using base::Errc;
using base::Error;

constexpr std::size_t kIdleConnections = 4;

[[noreturn]] void throwGone() {
  throw Error(Errc::unavailable, "the supervisor, which makes containers, has ended: restart the server");
}

/// Takes a command's output until its answer comes. What the sink throws ends the command, and is thrown when
/// that is over.
class AttachedCall {
 public:
  AttachedCall(FrameSocket& socket, base::ByteSink& output, const RunOptions& options)
      : socket_(socket), output_(output), options_(options) {}

  Frame await() {
    const std::stop_callback onStop(options_.stop, [this] {
      const char byte = 's';
      ::send(socket_.socket().get(), &byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    });
    for (;;) {
      auto frame = socket_.receive();
      if (!frame) {
        if (parked_) std::rethrow_exception(parked_);
        throwGone();
      }
      if (frame->kind != FrameKind::answer) {
        pass(*frame);
        continue;
      }
      if (parked_) std::rethrow_exception(parked_);
      return std::move(*frame);
    }
  }

 private:
  void pass(const Frame& frame) {
    if (parked_) return;
    try {
      if (frame.kind == FrameKind::output) output_.write(frame.bytes);
      if (frame.kind == FrameKind::refusedHost && options_.onRefusedHost) options_.onRefusedHost(frame.bytes);
    } catch (...) {
      parked_ = std::current_exception();
      socket_.endSending();
    }
  }

  FrameSocket& socket_;
  base::ByteSink& output_;
  const RunOptions& options_;
  std::exception_ptr parked_;
};

}  // namespace

Answer answerOrThrow(Answer answer) {
  if (const auto* failure = std::get_if<Failure>(&answer)) throw Error(failure->code, failure->text);
  return answer;
}

FrameSocket SupervisorClient::connect() {
  auto [ours, theirs] = makeConnection();
  if (!sendOnChannel(channel_, kConnect, &theirs)) throwGone();
  return FrameSocket(std::move(ours));
}

FrameSocket SupervisorClient::takeIdle() {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      FrameSocket socket = std::move(idle_.back());
      idle_.pop_back();
      return socket;
    }
  }
  return connect();
}

void SupervisorClient::keepIdle(FrameSocket socket) {
  const std::lock_guard lock(mutex_);
  if (idle_.size() < kIdleConnections) idle_.push_back(std::move(socket));
}

Answer SupervisorClient::askFor(const Call& call, const std::vector<int>& sent,
                                std::vector<base::Fd>& received) {
  FrameSocket socket = takeIdle();
  // What refuses a connection says so and closes it, so that its words are there even if ours found no
  // reader.
  socket.send(FrameKind::call, encodeCall(call), sent);
  auto frame = socket.receive();
  if (!frame) throwGone();
  received = std::move(frame->fds);
  Answer answer = decodeAnswer(frame->bytes);
  const auto* failure = std::get_if<Failure>(&answer);
  if (failure == nullptr || failure->code != Errc::overloaded) keepIdle(std::move(socket));
  return answerOrThrow(std::move(answer));
}

Answer SupervisorClient::follow(const Call& call, const std::vector<int>& sent, base::ByteSink& output,
                                const RunOptions& options) {
  FrameSocket socket = connect();
  socket.send(FrameKind::call, encodeCall(call), sent);
  return answerOrThrow(decodeAnswer(AttachedCall(socket, output, options).await().bytes));
}

void SupervisorClient::end() {
  {
    const std::lock_guard lock(mutex_);
    idle_.clear();
  }
  sendOnChannel(channel_, kEnd);
  channel_.reset();
}

}  // namespace sandbox
