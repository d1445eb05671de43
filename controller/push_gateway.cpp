#include "controller/push_gateway.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "controller/app_features.h"
#include "controller/build_watch.h"
#include "controller/push_options.h"

namespace controller {
namespace {

constexpr const char* kKeyGone = "this key was removed: ask for another one to be added";

constexpr std::array kDeployBranches{"refs/heads/main", "refs/heads/master"};

std::string shortName(const std::string& ref) {
  constexpr std::string_view kHeads = "refs/heads/";
  return ref.rfind(kHeads, 0) == 0 ? ref.substr(kHeads.size()) : ref;
}

}  // namespace

std::optional<gitd::Identity> PushGateway::findIdentity(const std::string& fingerprint) {
  const auto key = parts_.store.findKey(fingerprint);
  if (!key) return std::nullopt;
  return gitd::Identity{key->user, key->fingerprint};
}

std::optional<gitd::RepositoryAccess> PushGateway::openRepository(const gitd::Identity& identity,
                                                                  const std::string& name) {
  const auto appName = store::AppName::tryParse(name);
  const auto app = appName ? parts_.store.findApp(*appName) : std::nullopt;
  const auto caller = parts_.access.ofKey(identity.fingerprint);
  if (!app || !caller || !parts_.access.may(*caller, Action::viewApp, *app)) return std::nullopt;
  return gitd::RepositoryAccess{appName->str(), parts_.folder.repository(*appName)};
}

std::optional<std::string> PushGateway::refusePusher(const gitd::Identity& identity, const store::App& app) {
  const auto caller = parts_.access.ofKey(identity.fingerprint);
  if (!caller) return kKeyGone;
  try {
    parts_.access.require(*caller, Action::deployApp, app);
    return std::nullopt;
  } catch (const base::Error& refusal) {
    return refusal.what();
  }
}

std::optional<std::string> PushGateway::refuseUpdate(const gitd::Identity& identity,
                                                     const gitd::RepositoryAccess& repository,
                                                     const gitd::RefUpdate& update) {
  const store::App app = parts_.store.getApp(store::AppName::parse(repository.name));
  if (auto refusal = refusePusher(identity, app)) return refusal;
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
  try {
    parsePushOptions(options);
    return std::nullopt;
  } catch (const base::Error& refusal) {
    return refusal.what();
  }
}

gitd::PushOutcome PushGateway::push(const gitd::PushRequest& request, base::ByteSink& output,
                                    std::stop_token clientGone) {
  // Again: the pack may have taken long.
  const store::App app = parts_.store.getApp(store::AppName::parse(request.repository.name));
  if (const auto refusal = refusePusher(request.identity, app))
    return {.accepted = false, .reason = *refusal};
  const store::ActingAs acting({request.identity.user, request.identity.fingerprint});
  const Deployer::Submitted submitted = parts_.deployer.submit(request);
  const BuildRun& run = *submitted.run;
  const std::string number = std::to_string(run.build().number);
  if (parsePushOptions(request.options).detach) {
    output.write("-----> Build " + number + (submitted.attached ? " runs already" : " is queued") +
                 "; follow it with: builds:output " + number + " --follow -a " + run.app().name.str() + "\n");
    // Not deployed yet: the ref says what it said.
    return {.accepted = true, .oldId = request.update.oldId, .newId = request.update.oldId};
  }
  output.write(submitted.attached
                   ? "-----> This commit is being built already (build " + number + "): following it\n"
                   : "-----> Build " + number + "\n       Ctrl-C cancels it until it launches\n");
  const bool endsWhenLost = parts_.store.features(run.app().id).contains(std::string(kCancelWhenLost));
  const gitd::PushOutcome outcome =
      awaitBuild(parts_.deployer, submitted, output, endsWhenLost ? request.clientLost : clientGone);
  parts_.keeper.look(request.repository.path);
  return outcome;
}

int PushGateway::runCommand(const gitd::Identity& identity, const std::vector<std::string>& argv,
                            gitd::CommandStreams& streams, std::stop_token clientGone) {
  const auto caller = parts_.access.ofKey(identity.fingerprint);
  if (!caller) {
    streams.err().write("fairlead: " + std::string(kKeyGone) + "\n");
    return 1;
  }
  return parts_.commands.run(*caller, argv,
                             {.out = streams.out(),
                              .err = streams.err(),
                              .save = nullptr,
                              .input = "",
                              .defaultApp = "",
                              .stop = clientGone,
                              .interaction = &streams.interaction()});
}

}  // namespace controller
