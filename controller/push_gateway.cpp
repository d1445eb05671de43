#include "controller/push_gateway.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "controller/app_features.h"
#include "controller/build_watch.h"
#include "controller/push_options.h"

namespace controller {
namespace {

constexpr std::array kDeployBranches{"refs/heads/main", "refs/heads/master"};

std::string shortName(const std::string& ref) {
  constexpr std::string_view kHeads = "refs/heads/";
  return ref.rfind(kHeads, 0) == 0 ? ref.substr(kHeads.size()) : ref;
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
  try {
    parsePushOptions(options);
    return std::nullopt;
  } catch (const base::Error& refusal) {
    return refusal.what();
  }
}

gitd::PushOutcome PushGateway::push(const gitd::PushRequest& request, base::ByteSink& output,
                                    std::stop_token clientGone) {
  const Deployer::Submitted submitted = deployer_.submit(request);
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
  const bool endsWhenLost = store_.features(run.app().id).contains(std::string(kCancelWhenLost));
  const gitd::PushOutcome outcome =
      awaitBuild(deployer_, submitted, output, endsWhenLost ? request.clientLost : clientGone);
  keeper_.look(request.repository.path);
  return outcome;
}

int PushGateway::runCommand(const gitd::Identity& identity, const std::vector<std::string>& argv,
                            gitd::CommandStreams& streams, std::stop_token clientGone) {
  return commands_.run({.user = identity.user, .local = false}, argv,
                       {.out = streams.out(),
                        .err = streams.err(),
                        .save = nullptr,
                        .input = "",
                        .defaultApp = "",
                        .stop = clientGone,
                        .interaction = &streams.interaction()});
}

}  // namespace controller
