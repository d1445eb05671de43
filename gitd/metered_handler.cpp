#include "gitd/metered_handler.h"

#include <chrono>
#include <utility>

namespace gitd {
namespace {

constexpr double kMillisecond = 1e-3;

base::Counter& pushes(base::Metrics& metrics, const char* result) {
  return metrics.counter({"fairlead_pushes_total", "Ref updates pushed, by result.", {{"result", result}}});
}

base::Histogram& phase(base::Metrics& metrics, const char* name) {
  return metrics.histogram(
      {"fairlead_push_phase_seconds",
       "Of a ref update: its pack received and checked; then its build and what follows.",
       {{"phase", name}}});
}

}  // namespace

MeteredHandler::MeteredHandler(PushHandler& inner, base::Metrics& metrics)
    : inner_(inner),
      accepted_(pushes(metrics, "accepted")),
      refused_(pushes(metrics, "refused")),
      failed_(pushes(metrics, "failed")),
      cancelled_(pushes(metrics, "cancelled")),
      packsRefused_(
          metrics.counter({"fairlead_push_packs_refused_total",
                           "Packs of which nothing was taken: damaged, harmful, over a limit, or no room.",
                           {}})),
      packBytes_(metrics.counter({"fairlead_push_pack_bytes_total", "Bytes of the packs pushed.", {}})),
      packObjects_(metrics.counter({"fairlead_push_pack_objects_total", "Objects in the packs pushed.", {}})),
      receive_(phase(metrics, "receive")),
      build_(phase(metrics, "build")) {}

std::optional<Identity> MeteredHandler::findIdentity(const std::string& fingerprint) {
  return inner_.findIdentity(fingerprint);
}

std::optional<RepositoryAccess> MeteredHandler::openRepository(const Identity& identity,
                                                               const std::string& name) {
  return inner_.openRepository(identity, name);
}

std::optional<std::string> MeteredHandler::refuseUpdate(const Identity& identity,
                                                        const RepositoryAccess& repository,
                                                        const RefUpdate& update) {
  return inner_.refuseUpdate(identity, repository, update);
}

std::optional<std::string> MeteredHandler::refuseOptions(const std::vector<std::string>& options) {
  return inner_.refuseOptions(options);
}

PushOutcome MeteredHandler::push(const PushRequest& request, base::ByteSink& output,
                                 std::stop_token clientGone) {
  using Clock = std::chrono::steady_clock;
  receive_.observe(static_cast<double>(request.receiveMs) * kMillisecond);
  const auto start = Clock::now();
  PushOutcome outcome = inner_.push(request, output, clientGone);
  build_.observe(std::chrono::duration<double>(Clock::now() - start).count());
  base::Counter& failed = clientGone.stop_requested() ? cancelled_ : failed_;
  (outcome.accepted ? accepted_ : failed).add();
  return outcome;
}

void MeteredHandler::received(const PackReceived& pack) {
  packBytes_.add(pack.bytes);
  packObjects_.add(pack.objects);
  if (pack.refused) packsRefused_.add();
  refused_.add(pack.refsRefused);
  cancelled_.add(pack.refsCancelled);
  inner_.received(pack);
}

int MeteredHandler::runCommand(const Identity& identity, const std::vector<std::string>& argv,
                               CommandStreams& streams, std::stop_token clientGone) {
  return inner_.runCommand(identity, argv, streams, std::move(clientGone));
}

}  // namespace gitd
