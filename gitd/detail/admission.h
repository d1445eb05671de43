// A connection's place at the door.
#pragma once

#include <string>
#include <utility>

#include "gitd/detail/door.h"
#include "gitd/detail/ssh_metrics.h"

namespace gitd::detail {

/// Held by an admitted connection from its first moment; given back with it, whatever becomes of it. One
/// thread at a time.
class Admission {
 public:
  /// Both outlive this.
  Admission(Door& door, SshMetrics& metrics, const Door::Visitor& visitor)
      : door_(&door),
        metrics_(&metrics),
        source_(visitor.source),
        peer_(visitor.peer),
        since_(Door::Clock::now()) {
    metrics_->open.add(1);
  }
  Admission(Admission&& other) noexcept
      : door_(std::exchange(other.door_, nullptr)),
        metrics_(other.metrics_),
        source_(std::move(other.source_)),
        peer_(std::move(other.peer_)),
        since_(other.since_),
        login_(other.login_) {}
  Admission& operator=(Admission&&) = delete;
  ~Admission() {
    if (door_ == nullptr) return;
    metrics_->open.add(-1);
    if (login_ == Door::Login::never) metrics_->noLogins.add();
    door_->left(source_, login_, Door::Clock::now());
  }

  const std::string& peer() const { return peer_; }
  Door::Clock::time_point since() const { return since_; }

  void loggedIn() {
    login_ = Door::Login::done;
    metrics_->logins.add();
    metrics_->handshake.observe(std::chrono::duration<double>(Door::Clock::now() - since_).count());
    door_->loggedIn(source_);
  }

 private:
  Door* door_;
  SshMetrics* metrics_;
  std::string source_;
  std::string peer_;
  Door::Clock::time_point since_;
  Door::Login login_ = Door::Login::never;
};

}  // namespace gitd::detail
