#include "gitd/detail/receive_pack.h"

#include <algorithm>
#include <chrono>

#include "base/log.h"
#include "base/strings.h"
#include "git/receive_pack.h"
#include "git/ref_name.h"
#include "gitd/detail/screen_sink.h"

namespace gitd::detail {
namespace {

using Clock = std::chrono::steady_clock;

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
    for (git::PushCommand& command : push.commands) {
      if (!command.isLeft()) continue;
      if (context_.io.clientClosed().stop_requested()) {
        command.refuse("cancelled by the pusher");
        continue;
      }
      const auto start = Clock::now();
      const PushRequest request{context_.identity, repository_,    updateFor(command),      push.quarantine,
                                push.options,      push.receiveMs, context_.io.clientGone()};
      take(command, context_.handler.push(request, screen_, context_.io.clientClosed()));
      handlerMs_ += millisecondsSince(start);
    }
  }

  void reported(git::Push& push) override {
    for (const git::PushCommand& command : push.commands) {
      base::Log("gitd").info(
          "push",
          {{"user", context_.identity.user},
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
           {"build_ms", handlerMs_},
           {"result", !push.unpackError.empty() ? push.unpackError : command.refusal.value_or("accepted")}});
    }
  }

 private:
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
  std::int64_t handlerMs_ = 0;
};

git::ReceiveSettings settingsFor(const ServiceContext& context) {
  const SshServerConfig& config = context.config;
  git::ReceiveSettings settings;
  settings.agent = kAgent;
  settings.protocol = context.protocol;
  // Continuous integration pushes from clones that are cut off; what is deployed is the newest commit.
  settings.shallowUpdate = true;
  settings.limits.packBytes.value = config.packMaxBytes;
  settings.limits.objectBytes.value = config.objectMaxBytes;
  settings.limits.packObjects.value = config.packMaxObjects;
  settings.commands.value = config.maxCommands;
  return settings;
}

}  // namespace

int receivePack(const ServiceContext& context, const RepositoryAccess& repository) {
  HandlerBackend backend(context, repository);
  return git::receivePack(context.io, git::openBareRepository(repository.path), settingsFor(context),
                          backend);
}

}  // namespace gitd::detail
