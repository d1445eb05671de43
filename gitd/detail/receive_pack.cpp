#include "gitd/detail/receive_pack.h"

#include <algorithm>
#include <chrono>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "git/receive_pack.h"
#include "git/ref_name.h"
#include "gitd/detail/screen_sink.h"

namespace gitd::detail {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMaxAudited = 20;
constexpr std::size_t kMaxResult = 300;

std::int64_t millisecondsSince(Clock::time_point start) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start).count();
}

RefUpdate updateFor(const git::PushCommand& command) {
  return {command.ref, command.oldId.hex(), command.newId.hex()};
}

/// Passes a push on to the layer above, ref by ref: each is a build.
class HandlerBackend : public git::PushBackend {
 public:
  HandlerBackend(const ServiceContext& context, const RepositoryAccess& repository)
      : context_(context), repository_(repository), screen_(context.io) {}

  void admit(git::Push& push) override {
    const auto badOptions = context_.handler.refuseOptions(push.options);
    for (git::PushCommand& command : push.commands) {
      if (!command.isLeft()) continue;
      if (badOptions) {
        command.refuse(*badOptions);
      } else if (auto reason =
                     context_.handler.refuseUpdate(context_.identity, repository_, updateFor(command))) {
        command.refuse(std::move(*reason));
      } else if (command.isDelete()) {
        command.refuse("refs cannot be deleted");
      }
    }
    refuseTwoAtOnce(push);
  }

  void carryOut(git::Push& push) override {
    handlerMs_.resize(push.commands.size());
    for (std::size_t at = 0; at < push.commands.size(); ++at) {
      git::PushCommand& command = push.commands[at];
      if (!command.isLeft()) continue;
      if (context_.io.clientClosed().stop_requested()) {
        command.refuse("cancelled by the pusher");
        ++cancelled_;
        continue;
      }
      const auto start = Clock::now();
      ++asked_;
      carryOutOne(push, command);
      handlerMs_[at] = millisecondsSince(start);
    }
  }

  void reported(git::Push& push) override {
    context_.handler.received({.bytes = push.pack.bytes,
                               .objects = push.pack.objects,
                               .refused = !push.unpackError.empty(),
                               .refsRefused = push.commands.size() - asked_ - cancelled_,
                               .refsCancelled = cancelled_});
    audit(push, [&](const git::PushCommand& command) {
      return !push.unpackError.empty() ? push.unpackError : command.refusal.value_or("accepted");
    });
  }

  void broken(const git::Push& push, const base::Error& why) noexcept override {
    // Who only looked at the refs has pushed nothing.
    if (push.commands.empty() && why.code() == base::Errc::cancelled) return;
    const std::string result =
        (why.code() == base::Errc::cancelled ? "dropped: " : "failed: ") + std::string(why.what());
    audit(push, [&](const git::PushCommand& command) { return command.refusal.value_or(result); });
    if (push.commands.empty()) auditOne(push, {}, {result, 0});
  }

 private:
  /// One that fails takes nothing from those that were done.
  void carryOutOne(const git::Push& push, git::PushCommand& command) {
    const PushRequest request{context_.identity, repository_,    updateFor(command),       push.quarantine,
                              push.options,      push.receiveMs, context_.io.clientGone(), push.checkMs};
    try {
      take(command, context_.handler.push(request, screen_, context_.io.clientClosed()));
    } catch (const std::exception& failure) {
      const auto* error = dynamic_cast<const base::Error*>(&failure);
      if (error != nullptr && error->code() == base::Errc::cancelled) throw;
      base::Log("gitd").error("push failed", {{"app", repository_.name}, {"error", failure.what()}});
      command.refuse(base::publicMessage(failure));
    }
  }

  /// An event for each ref, as far as one push may fill the log.
  template <typename Result>
  void audit(const git::Push& push, Result result) const {
    const std::size_t shown = std::min(push.commands.size(), kMaxAudited);
    for (std::size_t at = 0; at < shown; ++at)
      auditOne(push, push.commands[at],
               {result(push.commands[at]), at < handlerMs_.size() ? handlerMs_[at] : 0});
    if (shown < push.commands.size())
      base::Log("gitd").info("push", {{"user", context_.identity.user},
                                      {"app", repository_.name},
                                      {"more_refs", push.commands.size() - shown}});
  }

  struct Ending {
    std::string result;
    std::int64_t buildMs = 0;
  };
  void auditOne(const git::Push& push, const git::PushCommand& command, const Ending& ending) const {
    base::Log("gitd").info("push", {{"user", context_.identity.user},
                                    {"key", context_.identity.fingerprint},
                                    {"peer", context_.peer},
                                    {"app", repository_.name},
                                    {"ref", base::printable(command.ref, git::kMaxRefName)},
                                    {"old", command.oldId.hex()},
                                    {"new", command.newId.hex()},
                                    {"bytes", push.pack.bytes},
                                    {"objects", push.pack.objects},
                                    {"index_ms", push.indexMs},
                                    {"receive_ms", push.receiveMs},
                                    {"build_ms", ending.buildMs},
                                    {"result", base::printable(ending.result, kMaxResult)}});
  }

  /// A build cannot be undone because the next one fails.
  static void refuseTwoAtOnce(git::Push& push) {
    const auto left = std::count_if(push.commands.begin(), push.commands.end(),
                                    [](const git::PushCommand& command) { return command.isLeft(); });
    if (!push.atomic || left < 2) return;
    for (git::PushCommand& command : push.commands)
      command.refuse("only one branch can be deployed by an atomic push: push them one by one");
  }

  static void take(git::PushCommand& command, const PushOutcome& outcome) {
    if (!outcome.accepted) return command.refuse(outcome.reason.empty() ? "refused" : outcome.reason);
    if (!outcome.oldId && !outcome.newId) return;
    git::PushReport report;
    const auto parse = [&](const std::optional<std::string>& hex) {
      return hex ? git::ObjectId::parse(command.newId.format(), *hex) : std::nullopt;
    };
    report.oldId = parse(outcome.oldId);
    report.newId = parse(outcome.newId);
    command.reports.push_back(std::move(report));
  }

  const ServiceContext& context_;
  const RepositoryAccess& repository_;
  ScreenSink screen_;
  std::vector<std::int64_t> handlerMs_;  // by command
  std::size_t asked_ = 0;                // refs that the layer above was asked to push
  std::size_t cancelled_ = 0;
};

git::ReceiveSettings settingsFor(const ServiceContext& context) {
  const SshServerConfig& config = context.config;
  git::ReceiveSettings settings;
  settings.agent = kAgent;
  settings.protocol = context.protocol;
  // Continuous integration pushes from clones that are cut off; what is deployed is the newest commit.
  settings.shallowUpdate = true;
  // What a forced push took away is nobody's to bring back by its name.
  settings.links = git::ReceiveSettings::Links::reachable;
  settings.limits.packBytes.value = config.packMaxBytes;
  settings.limits.objectBytes.value = config.objectMaxBytes;
  settings.limits.packObjects.value = config.packMaxObjects;
  settings.limits.unpackedBytes.value = config.push.unpackedBytes;
  settings.limits.unpackedRatio.value = config.push.unpackedRatio;
  settings.limits.deltaDepth.value = config.push.deltaDepth;
  settings.limits.treeBytes.value = config.push.treeBytes;
  settings.limits.unpackSeconds.value = config.push.unpackSeconds;
  settings.memory = config.packMemory.get();
  settings.commands.value = config.push.commands;
  settings.commandBytes.value = config.push.commandBytes;
  settings.optionBytes.value = config.push.optionBytes;
  settings.shallowLines.value = config.push.shallow;
  settings.refs.value = config.push.refs;
  settings.diskFree.value = config.push.diskFreeBytes;
  return settings;
}

}  // namespace

int receivePack(const ServiceContext& context, const RepositoryAccess& repository) {
  HandlerBackend backend(context, repository);
  return git::receivePack(context.io, git::openBareRepository(repository.path), settingsFor(context),
                          backend);
}

}  // namespace gitd::detail
