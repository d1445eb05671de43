// publish, publish:to, publish:off, publish:now, registries, registries:add, registries:remove
#include "base/error.h"
#include "base/strings.h"
#include "controller/command_set.h"
#include "controller/render.h"

namespace controller {
namespace {

constexpr std::size_t kListed = 10;

int showPublications(const Invocation& call) {
  const store::App app = call.app();
  const auto target = call.parts.publisher.target(app);
  auto json = base::makeJsonObject();
  json->set("publish_to", target ? Poco::Dynamic::Var(*target) : Poco::Dynamic::Var());
  auto list = base::makeJsonArray();
  std::vector<std::vector<std::string>> rows{
      {"=== " + app.name.str() + " Published releases"},
      {target ? "Releases go to " + *target
              : "Releases go nowhere: name a repository with fairlead publish:to HOST/NAME -a " +
                    app.name.str()}};
  for (const auto& job : call.parts.publications.ofApp(app.id, call.number("num", kListed))) {
    list->add(renderPublication(job));
    rows.push_back({job.version.str(), job.target, describe(job, call.parts.publisher.progress(job.id))});
  }
  json->set("publications", list);
  call.print(json, table(rows));
  return 0;
}

/// 0 when it is there; else says why.
int follow(const Invocation& call, const store::Publication& job) {
  base::DiscardSink nowhere;
  const store::Publication done =
      call.parts.publisher.watch(job.id, call.flag("json") ? nowhere : call.io.out, call.io.stop);
  call.print(renderPublication(done),
             done.state == store::PublicationState::succeeded
                 ? done.version.str() + " is at " + done.target + ":" + done.version.str() + "\n"
                 : "");
  if (done.state == store::PublicationState::succeeded) return 0;
  throw base::Error(base::Errc::unavailable, done.version.str() + " could not be published: " + done.message);
}

int publishTo(const Invocation& call) {
  const store::App app = call.app();
  const std::string target = ImagePublisher::checkTarget(call.args[0]);
  call.parts.store.changeSettings(app.id, {{kPublishSetting, target}});
  const store::Release current = call.parts.store.currentRelease(app.id);
  if (!current.manifest || current.state != store::ReleaseState::succeeded) {
    auto json = base::makeJsonObject();
    json->set("publish_to", target);
    call.print(json, "Releases of " + app.name.str() + " go to " + target + " from the next one on\n");
    return 0;
  }
  if (!call.flag("json"))
    call.print("Releases of " + app.name.str() + " go to " + target + " from now on, beginning with " +
               current.version.str() + "\n");
  return follow(call, call.parts.publisher.publish(current, target));
}

int publishOff(const Invocation& call) {
  const store::App app = call.app();
  call.parts.store.changeSettings(app.id, {{kPublishSetting, "none"}});
  call.parts.publications.cancelPending(app.id);
  auto json = base::makeJsonObject();
  json->set("publish_to", Poco::Dynamic::Var());
  call.print(json, "Releases of " + app.name.str() + " go nowhere else from now on; what is there stays\n");
  return 0;
}

int publishNow(const Invocation& call) {
  const store::App app = call.app();
  const store::Release release =
      call.args.empty() ? call.parts.store.currentRelease(app.id)
                        : call.parts.store.getRelease(app.id, store::ReleaseVersion::parse(call.args[0]));
  const auto own = call.parts.publisher.target(app);
  const auto to = call.option("to");
  if (!to && !own)
    throw base::Error(
        base::Errc::invalidArgument,
        "where to? Name a repository with --to HOST/NAME, or one for all releases with fairlead "
        "publish:to HOST/NAME -a " +
            app.name.str());
  // It goes there with the server's own logins.
  if (to) call.parts.access.require(call.caller, Action::manageApp, app);
  const store::Publication job =
      call.parts.publisher.publish(release, to ? ImagePublisher::checkTarget(*to) : *own);
  if (!call.flag("detach")) return follow(call, job);
  call.print(renderPublication(job), job.version.str() + " is going to " + job.target + "\n");
  return 0;
}

int listRegistries(const Invocation& call) {
  auto json = base::makeJsonArray();
  std::vector<std::vector<std::string>> rows;
  for (const auto& login : call.parts.credentials.logins()) {
    auto object = base::makeJsonObject();
    object->set("host", login.host);
    object->set("user", login.user);
    json->add(object);
    rows.push_back({login.host, login.user});
  }
  call.print(json, rows.empty() ? "No registry has a login here: add one with fairlead registries:add HOST "
                                  "--username NAME\n"
                                : table(rows));
  return 0;
}

void requireHost(const std::string& host) {
  if (!registry::isRegistryHost(host))
    throw base::Error(
        base::Errc::invalidArgument,
        "\"" + base::printable(host) + "\" is no registry's host: it is NAME or NAME:PORT, like ghcr.io");
}

/// Who may run programs of an app may not learn the server's own passwords: they are taken, never shown.
int addLogin(const Invocation& call) {
  const std::string& host = call.args[0];
  requireHost(host);
  const auto user = call.option("username");
  if (!user) throw base::Error(base::Errc::invalidArgument, "which user? Name it with --username NAME");
  std::string password = call.io.input;
  while (!password.empty() && (password.back() == '\n' || password.back() == '\r'))
    password.pop_back();
  call.parts.credentials.put(host, {.user = *user, .password = password, .identityToken = ""});
  auto json = base::makeJsonObject();
  json->set("host", host);
  json->set("user", *user);
  call.print(json, "Images go to and come from " + host + " as " + *user + "\n");
  return 0;
}

int removeLogin(const Invocation& call) {
  const std::string& host = call.args[0];
  if (!call.parts.credentials.remove(host))
    throw base::Error(base::Errc::notFound,
                      "there is no login for " + base::printable(host) + ": see fairlead registries");
  auto json = base::makeJsonObject();
  json->set("host", host);
  call.print(json, "The login for " + host + " is removed\n");
  return 0;
}

}  // namespace

std::vector<CommandSpec> publishCommands() {
  return {
      {"publish",
       "-a APP",
       "where releases go beside here, and which are there",
       0,
       0,
       {"num="},
       showPublications,
       Action::viewApp},
      {"publish:to",
       "HOST/NAME -a APP",
       "push each release to another registry, too",
       1,
       1,
       {},
       publishTo,
       Action::manageApp},
      {"publish:off", "-a APP", "no longer", 0, 0, {}, publishOff, Action::manageApp},
      {"publish:now",
       "[vN] -a APP [--to HOST/NAME] [--detach]",
       "push one release to another registry",
       0,
       1,
       {"to=", "detach"},
       publishNow,
       Action::deployApp},
      {"registries",
       "",
       "list the registries that the server logs in to",
       0,
       0,
       {},
       listRegistries,
       Action::readServer},
      {"registries:add",
       "HOST --username NAME",
       "log in to a registry; the password is read from the standard input",
       1,
       1,
       {"username=", "password-stdin"},
       addLogin,
       Action::administer},
      {"registries:remove", "HOST", "forget a registry's login", 1, 1, {}, removeLogin, Action::administer},
  };
}

}  // namespace controller
