// buildpacks, buildpacks:set, buildpacks:add, buildpacks:remove, buildpacks:clear
#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "controller/buildpack_list.h"
#include "controller/command_set.h"
#include "controller/render.h"

namespace controller {
namespace {

std::string numbered(const store::App& app, const std::vector<std::string>& sources) {
  if (sources.empty())
    return app.name.str() +
           " has no list of buildpacks: BUILDPACK_URL, app.json, .buildpacks or detection decides\n";
  std::vector<std::vector<std::string>> rows{{"=== " + app.name.str() + " Buildpacks"}};
  for (std::size_t i = 0; i < sources.size(); ++i)
    rows.push_back({std::to_string(i + 1) + ".", sources[i]});
  return table(rows);
}

/// 1 to `last`, or nullopt without --index.
std::optional<std::size_t> indexOption(const Invocation& call, std::size_t last) {
  if (!call.option("index")) return std::nullopt;
  const std::size_t index = call.number("index", 0);
  if (index < 1 || index > last)
    throw base::Error(base::Errc::invalidArgument,
                      "--index must be a number from 1 to " + std::to_string(last));
  return index;
}

std::size_t positionOf(const std::vector<std::string>& sources, const std::string& source) {
  return static_cast<std::size_t>(std::find(sources.begin(), sources.end(), source) - sources.begin());
}

int save(const Invocation& call, const store::App& app, const std::vector<std::string>& sources) {
  setBuildpacks(call.parts.store, app, sources);
  call.print(renderBuildpacks(sources),
             numbered(app, sources) +
                 "The next push uses them; to build what is deployed again: fairlead builds:create -a " +
                 app.name.str() + "\n");
  return 0;
}

int list(const Invocation& call) {
  const store::App app = call.app();
  const auto sources = call.parts.store.buildpacks(app.id);
  call.print(renderBuildpacks(sources), numbered(app, sources));
  return 0;
}

int set(const Invocation& call) {
  const store::App app = call.app();
  auto sources = call.parts.store.buildpacks(app.id);
  for (const std::string& source : call.args)
    checkBuildpack(source);
  if (const auto index = indexOption(call, sources.size() + 1)) {
    if (call.args.size() != 1)
      throw base::Error(base::Errc::invalidArgument, "--index takes one buildpack at a time");
    if (*index > sources.size())
      sources.push_back(call.args[0]);
    else
      sources[*index - 1] = call.args[0];
    return save(call, app, sources);
  }
  return save(call, app, call.args);
}

int add(const Invocation& call) {
  const store::App app = call.app();
  auto sources = call.parts.store.buildpacks(app.id);
  const std::string& source = call.args[0];
  checkBuildpack(source);
  if (positionOf(sources, source) < sources.size())
    throw base::Error(base::Errc::alreadyExists,
                      "the buildpack " + base::printable(source) + " is in the list already");
  const std::size_t at = indexOption(call, sources.size() + 1).value_or(sources.size() + 1);
  sources.insert(sources.begin() + static_cast<std::ptrdiff_t>(at - 1), source);
  return save(call, app, sources);
}

int remove(const Invocation& call) {
  const store::App app = call.app();
  auto sources = call.parts.store.buildpacks(app.id);
  const auto index = indexOption(call, sources.size());
  if (index.has_value() == !call.args.empty())
    throw base::Error(base::Errc::invalidArgument,
                      "name a buildpack of the list, or its number with --index");
  const std::size_t at = index ? *index - 1 : positionOf(sources, call.args[0]);
  if (at >= sources.size())
    throw base::Error(base::Errc::notFound, "the buildpack " + base::printable(call.args[0]) +
                                                " is not in the list: see fairlead buildpacks");
  sources.erase(sources.begin() + static_cast<std::ptrdiff_t>(at));
  return save(call, app, sources);
}

int clear(const Invocation& call) {
  return save(call, call.app(), {});
}

}  // namespace

std::vector<CommandSpec> buildpackCommands() {
  return {
      {"buildpacks",
       "-a APP",
       "list the buildpacks that were set for an app",
       0,
       0,
       {},
       list,
       Action::viewApp},
      {"buildpacks:set",
       "SOURCE... [--index N] -a APP",
       "set the list: names, URLs with #ref, or ORG/NAME at GitHub",
       1,
       kMaxBuildpacks,
       {"index="},
       set,
       Action::operateApp},
      {"buildpacks:add",
       "SOURCE [--index N] -a APP",
       "put one into the list",
       1,
       1,
       {"index="},
       add,
       Action::operateApp},
      {"buildpacks:remove",
       "[SOURCE] [--index N] -a APP",
       "take one out of it",
       0,
       1,
       {"index="},
       remove,
       Action::operateApp},
      {"buildpacks:clear",
       "-a APP",
       "back to BUILDPACK_URL, app.json, .buildpacks or detection",
       0,
       0,
       {},
       clear,
       Action::operateApp},
  };
}

}  // namespace controller
