#include "controller/push_gateway.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"

namespace controller {
namespace {

constexpr std::array kPushOptions{"no-cache", "dry-run"};
constexpr std::array kDeployBranches{"refs/heads/main", "refs/heads/master"};

std::string shortName(const std::string& ref) {
  constexpr std::string_view kHeads = "refs/heads/";
  return ref.rfind(kHeads, 0) == 0 ? ref.substr(kHeads.size()) : ref;
}

/// Copies the build's log to the pusher until the build is decided.
void follow(Deployer& deployer, BuildRun& run, base::ByteSink& output, const std::stop_token& clientGone) {
  std::uint64_t offset = 0;
  std::size_t lastAhead = 0;
  while (true) {
    const std::string text = run.log().read(offset);
    if (!text.empty()) {
      offset += text.size();
      output.write(text);
      continue;
    }
    if (!run.log().waitFor(offset, std::chrono::milliseconds(500), clientGone)) return;
    if (clientGone.stop_requested()) return;
    const std::size_t ahead = deployer.ahead(run);
    if (ahead != lastAhead && ahead > 0)
      output.write("       Waiting: " + std::to_string(ahead) + " builds are before this one\n");
    lastAhead = ahead;
  }
}

}  // namespace

std::optional<gitd::Identity> PushGateway::findIdentity(const std::string& fingerprint) {
  const auto key = store_.findKey(fingerprint);
  if (!key) return std::nullopt;
  return gitd::Identity{key->user, key->fingerprint};
}

std::optional<gitd::RepositoryAccess> PushGateway::openRepository(const gitd::Identity&,
                                                                  const std::string& name) {
  const auto appName = store::AppName::tryParse(name);
  if (!appName || !store_.findApp(*appName)) return std::nullopt;
  return gitd::RepositoryAccess{appName->str(), folder_.repository(*appName)};
}

std::optional<std::string> PushGateway::refuseUpdate(const gitd::Identity&,
                                                     const gitd::RepositoryAccess& repository,
                                                     const gitd::RefUpdate& update) {
  const store::App app = store_.getApp(store::AppName::parse(repository.name));
  if (update.isDelete()) return "the deployed branch cannot be deleted: use apps:destroy to remove the app";
  const std::string target = app.deployBranch.empty() ? "main" : shortName(app.deployBranch);
  const bool known = app.deployBranch.empty() ? std::find(kDeployBranches.begin(), kDeployBranches.end(),
                                                          update.ref) != kDeployBranches.end()
                                              : update.ref == app.deployBranch;
  if (known) return std::nullopt;
  if (update.ref.rfind("refs/tags/", 0) == 0)
    return "tags are not deployed: use git push fairlead " + update.ref.substr(10) + "^{}:refs/heads/" +
           target;
  return "only " + target + " is deployed: use git push fairlead " + shortName(update.ref) + ":" + target;
}

std::optional<std::string> PushGateway::refuseOptions(const std::vector<std::string>& options) {
  for (const std::string& option : options) {
    if (std::find(kPushOptions.begin(), kPushOptions.end(), option) != kPushOptions.end()) continue;
    return "push option \"" + base::printable(option) + "\" is not known: use no-cache or dry-run";
  }
  return std::nullopt;
}

gitd::PushOutcome PushGateway::push(const gitd::PushRequest& request, base::ByteSink& output,
                                    std::stop_token clientGone) {
  const Deployer::Submitted submitted = deployer_.submit(request);
  BuildRun& run = *submitted.run;
  if (submitted.attached)
    output.write("-----> This commit is being built already (build " + std::to_string(run.build().number) +
                 "): following it\n");
  const std::stop_callback onGone(clientGone, [&] {
    // Only who started a build ends it by going away.
    if (!submitted.attached) deployer_.cancel(run, "the pusher went away");
  });
  follow(deployer_, run, output, clientGone);
  // A build that is launching ends in its own time; its pusher is gone, but its objects are in use until
  // then.
  while (!run.outcome())
    run.log().waitFor(UINT64_MAX - 1, std::chrono::milliseconds(200), {});
  return *run.outcome();
}

int PushGateway::runCommand(const gitd::Identity& identity, const std::vector<std::string>& argv,
                            gitd::CommandStreams& streams, std::stop_token clientGone) {
  return commands_.run({.user = identity.user, .local = false}, argv,
                       {.out = streams.out(),
                        .err = streams.err(),
                        .save = nullptr,
                        .input = "",
                        .defaultApp = "",
                        .stop = clientGone});
}

}  // namespace controller
