// Counts what pushes come to, on their way to the layer above.
#pragma once

#include "base/metrics.h"
#include "gitd/push_handler.h"

namespace gitd {

/// A PushHandler in front of another: hands everything on. Thread-safe.
class MeteredHandler : public PushHandler {
 public:
  /// Both outlive it.
  MeteredHandler(PushHandler& inner, base::Metrics& metrics);

  std::optional<Identity> findIdentity(const std::string& fingerprint) override;
  std::optional<RepositoryAccess> openRepository(const Identity& identity, const std::string& name) override;
  std::optional<std::string> refuseUpdate(const Identity& identity, const RepositoryAccess& repository,
                                          const RefUpdate& update) override;
  std::optional<std::string> refuseOptions(const std::vector<std::string>& options) override;
  PushOutcome push(const PushRequest& request, base::ByteSink& output, std::stop_token clientGone) override;
  void received(const PackReceived& pack) override;
  int runCommand(const Identity& identity, const std::vector<std::string>& argv, CommandStreams& streams,
                 std::stop_token clientGone) override;

 private:
  PushHandler& inner_;
  base::Counter& accepted_;
  base::Counter& refused_;    // before it was a build, whatever the reason
  base::Counter& failed_;     // after: its build, or its ref
  base::Counter& cancelled_;  // its pusher went away
  base::Counter& packsRefused_;
  base::Counter& packBytes_;
  base::Counter& packObjects_;
  base::Histogram& receive_;
  base::Histogram& build_;
};

}  // namespace gitd
