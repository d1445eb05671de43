// stacks, stacks:create, stacks:import, stacks:update, stacks:alias, stacks:set, rebase
#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "builder/stack_maker.h"
#include "controller/command_set.h"
#include "controller/render.h"
#include "registry/image_import.h"

namespace controller {
namespace {

/// As much of a digest as people compare.
std::string shortDigest(const store::Digest& digest) {
  return "sha256:" + digest.hex().substr(0, 12);
}

std::string shortDigest(const std::optional<store::Digest>& digest) {
  return digest ? shortDigest(*digest) : "unknown";
}

store::Stack stackNamed(const Invocation& call, const std::string& name) {
  if (auto stack = call.parts.store.findStack(name)) return *std::move(stack);
  throw base::Error(base::Errc::notFound,
                    "there is no stack " + base::printable(name) +
                        ": see fairlead stacks, or make it with fairlead stacks:create");
}

int listStacks(const Invocation& call) {
  auto json = base::makeJsonArray();
  std::vector<std::vector<std::string>> rows;
  for (const store::Stack& stack : call.parts.store.stacks()) {
    json->add(renderStack(stack));
    rows.push_back({stack.name, "STACK=" + stack.variable(), shortDigest(stack.run.manifest),
                    base::toRfc3339(stack.createdAt)});
  }
  call.print(json, rows.empty() ? "There are no stacks yet: make one with fairlead stacks:create debian-12\n"
                                : table(rows));
  return 0;
}

int createStack(const Invocation& call) {
  base::DiscardSink nowhere;
  call.parts.stacks.create(call.args[0], call.flag("json") ? nowhere : call.io.out, call.io.stop);
  const store::Stack stack = stackNamed(call, call.args[0]);
  call.print(renderStack(stack), "Stack " + stack.name + " is ready\n");
  return 0;
}

/// Made or imported, with what there is to do next.
int reportStack(const Invocation& call, const std::optional<store::Stack>& before, const std::string& name) {
  const store::Stack now = stackNamed(call, name);
  std::string text = "Stack " + now.name + " is ready\n";
  if (before && now.run.manifest == before->run.manifest)
    text = "The run image of " + now.name + " is the same as before: nothing to rebase\n";
  else if (before)
    text = "Stack " + now.name + " has a new run image, " + shortDigest(now.run.manifest) +
           ": put its apps on it with: fairlead rebase " + now.name + "\n";
  call.print(renderStack(now), text);
  return 0;
}

bool isMadeHere(const std::string& name) {
  const auto known = builder::knownStacks();
  return std::find(known.begin(), known.end(), name) != known.end();
}

/// It becomes a repository's name, a folder's name and the value of a variable.
void requireStackWord(const std::string& word) {
  const bool good =
      !word.empty() && word.size() <= 64 && word.front() != '.' && word.front() != '-' &&
      std::all_of(word.begin(), word.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
      });
  if (!good)
    throw base::Error(base::Errc::invalidArgument,
                      "\"" + base::printable(word) +
                          "\" is no name for a stack: use up to 64 of a-z, 0-9, '-', '.' and '_'");
}

int importStack(const Invocation& call) {
  const std::string& name = call.args[0];
  requireStackWord(name);
  if (isMadeHere(name))
    throw base::Error(base::Errc::invalidArgument,
                      name + " is what fairlead stacks:create makes: import under another name");
  const auto run = call.option("run"), build = call.option("build");
  if (!run || !build)
    throw base::Error(base::Errc::invalidArgument,
                      "a stack is two images: name them with --run REF and --build REF");
  if (!call.caller.isLocal() && (registry::isLocalReference(*run) || registry::isLocalReference(*build)))
    throw base::Error(base::Errc::permissionDenied,
                      "files are imported on the server's own machine only: name an image in a registry");
  const auto before = call.parts.store.findStack(name);
  base::DiscardSink nowhere;
  call.parts.stacks.import(name,
                           {.run = *run,
                            .build = *build,
                            .workFolder = call.parts.folder.imports(),
                            .web = call.parts.web,
                            .credentials = &call.parts.credentials},
                           call.flag("json") ? nowhere : call.io.out, call.io.stop);
  return reportStack(call, before, name);
}

int updateStack(const Invocation& call) {
  const store::Stack before = stackNamed(call, call.args[0]);
  if (!isMadeHere(before.name))
    throw base::Error(base::Errc::invalidArgument,
                      before.name + " was imported: do it again, with fairlead stacks:import " + before.name +
                          " --run REF --build REF");
  base::DiscardSink nowhere;
  call.parts.stacks.create(before.name, call.flag("json") ? nowhere : call.io.out, call.io.stop);
  return reportStack(call, before, before.name);
}

int aliasStack(const Invocation& call) {
  const std::string& value = call.args[1];
  requireStackWord(value);
  store::Stack stack = stackNamed(call, call.args[0]);
  stack.alias = value == stack.name ? "" : value;
  call.parts.store.putStack(stack);
  call.print(renderStack(stack), "Builds on " + stack.name + " see STACK=" + stack.variable() + "\n");
  return 0;
}

int setStack(const Invocation& call) {
  const store::App app = call.app();
  const store::Stack stack = stackNamed(call, call.args[0]);
  call.parts.store.setStack(app.id, stack.name);
  call.print(renderStack(stack), app.name.str() + " is built on " + stack.name + " from its next push on\n");
  return 0;
}

/// The apps that `rebase` is about: with a stack's name those whose current release stands on it, else one.
std::vector<store::App> appsToRebase(const Invocation& call) {
  if (call.args.empty()) return {call.app()};
  stackNamed(call, call.args[0]);
  if (call.option("app")) return {call.app()};
  call.require(Action::administer);
  return call.parts.store.apps();
}

/// A release that another run image is there for.
struct Rebase {
  store::App app;
  store::Release current;
  store::Stack stack;
};

/// nullopt when the app has no release with a slug, is on another stack, or is up to date.
std::optional<Rebase> rebaseOf(const Invocation& call, const store::App& app) {
  const store::Release current = call.parts.store.currentRelease(app.id);
  if (!current.slug || (!call.args.empty() && current.stack != call.args[0])) return std::nullopt;
  const store::Stack stack = stackNamed(call, current.stack);
  if (current.runImage == stack.run.manifest) return std::nullopt;
  return Rebase{app, current, stack};
}

base::JsonObject::Ptr renderRebase(const Rebase& rebase) {
  auto json = base::makeJsonObject();
  json->set("app", rebase.app.name.str());
  json->set("version", rebase.current.version.number);
  json->set("stack", rebase.stack.name);
  if (rebase.current.runImage) json->set("from", rebase.current.runImage->str());
  json->set("to", rebase.stack.run.manifest.str());
  return json;
}

int planRebase(const Invocation& call) {
  auto json = base::makeJsonArray();
  std::vector<std::vector<std::string>> rows;
  for (const store::App& app : appsToRebase(call)) {
    const auto rebase = rebaseOf(call, app);
    if (!rebase) continue;
    json->add(renderRebase(*rebase));
    rows.push_back(
        {app.name.str(), rebase->current.version.str(), rebase->stack.name,
         shortDigest(rebase->current.runImage) + " -> " + shortDigest(rebase->stack.run.manifest)});
  }
  call.print(json, rows.empty() ? "Nothing to rebase: every release is on its stack's run image\n"
                                : table(rows) + "Nothing is changed yet: run it without --plan\n");
  return 0;
}

/// Makes and launches the release. What goes wrong with one app is said and told to the caller, who goes on
/// with the next: this is the top of one app's work.
bool rebaseApp(const Invocation& call, const store::App& app, base::JsonArray& done) {
  try {
    const auto lease = call.parts.locks.lock(app.id);
    const auto rebase = rebaseOf(call, app);
    if (!rebase) return true;
    const store::Release release = call.parts.releases.create(
        app, {.description =
                  "Rebase on " + rebase->stack.name + " (" + shortDigest(rebase->stack.run.manifest) + "…)",
              .user = call.caller.user,
              .slug = std::nullopt,
              .config = std::nullopt,
              .succeededBuild = std::nullopt,
              .base = ReleaseBase{rebase->stack.name, rebase->stack.run.manifest}});
    const Released released = call.parts.releases.launch(app, release, [](std::string_view) {});
    auto json = renderRebase(*rebase);
    json->set("new_version", release.version.number);
    json->set("status", std::string(store::name(released.release.state)));
    done.add(json);
    if (!released.failed) {
      if (!call.flag("json"))
        call.print(app.name.str() + ": released " + release.version.str() + " (" + release.description +
                   ")\n");
      return true;
    }
    call.io.err.write("fairlead: " + app.name.str() + ": release " + release.version.str() +
                      " failed: " + released.failed->process + " " + released.failed->reason + "; " +
                      rebase->current.version.str() + " serves on\n");
  } catch (const base::Error& error) {
    base::Log("controller").error("rebase failed", {{"app", app.name.str()}, {"error", error.what()}});
    call.io.err.write("fairlead: " + app.name.str() + ": " + error.what() + "\n");
  }
  return false;
}

int rebase(const Invocation& call) {
  if (call.flag("plan")) return planRebase(call);
  auto done = base::makeJsonArray();
  std::size_t failed = 0;
  for (const store::App& app : appsToRebase(call)) {
    if (call.io.stop.stop_requested())
      throw base::Error(base::Errc::cancelled, "cancelled: run rebase again for the rest");
    if (!rebaseApp(call, app, *done)) ++failed;
  }
  call.print(done, done->size() == 0 && failed == 0
                       ? "Nothing to rebase: every release is on its stack's run image\n"
                       : "");
  return failed == 0 ? 0 : 1;
}

}  // namespace

std::vector<CommandSpec> stackCommands() {
  return {
      {"stacks", "", "list the stacks", 0, 0, {}, listStacks, Action::identify},
      {"stacks:create",
       "NAME",
       "make a stack from Debian's packages",
       1,
       1,
       {},
       createStack,
       Action::administer},
      {"stacks:import",
       "NAME --run REF --build REF",
       "take a stack's images from a registry or an OCI layout",
       1,
       1,
       {"run=", "build="},
       importStack,
       Action::administer},
      {"stacks:update",
       "NAME",
       "make a stack anew, of the packages of today",
       1,
       1,
       {},
       updateStack,
       Action::administer},
      {"stacks:alias",
       "NAME VALUE",
       "what builds on a stack see as STACK",
       2,
       2,
       {},
       aliasStack,
       Action::administer},
      {"stacks:set",
       "NAME",
       "build an app on another stack from its next push on",
       1,
       1,
       {},
       setStack,
       Action::operateApp},
      {"rebase",
       "[STACK] [--plan]",
       "release apps on their stack's newest run image, without a build",
       0,
       1,
       {"plan"},
       rebase,
       Action::operateApp,
       Action::administer},
  };
}

}  // namespace controller
