// volumes, volumes:add, volumes:remove
#include "base/error.h"
#include "base/strings.h"
#include "controller/command_set.h"
#include "controller/render.h"
#include "controller/report.h"
#include "controller/volume_operations.h"

namespace controller {
namespace {

base::JsonArray::Ptr volumesJson(const Invocation& call, const store::App& app) {
  auto json = base::makeJsonArray();
  for (const Volume& volume : volumesOf(call.parts.store.settings(app.id))) {
    auto object = base::makeJsonObject();
    object->set("name", volume.name);
    object->set("target", volume.target);
    object->set("read_only", volume.readOnly);
    object->set("source", volume.source ? Poco::Dynamic::Var(volume.source->string()) : Poco::Dynamic::Var());
    if (!volume.source)
      object->set("bytes", call.parts.trees.diskBytes(call.parts.folder.volumes(app.uuid) / volume.name,
                                                      call.io.stop));
    json->add(object);
  }
  return json;
}

int listVolumes(const Invocation& call) {
  const store::App app = call.app();
  const auto json = volumesJson(call, app);
  std::vector<std::vector<std::string>> rows;
  for (std::size_t i = 0; i < json->size(); ++i) {
    const auto each = json->getObject(static_cast<unsigned>(i));
    rows.push_back({base::jsonString(each, "name"), base::jsonString(each, "target"),
                    each->getValue<bool>("read_only") ? "read only" : "",
                    each->has("bytes") ? base::formatBytes(each->getValue<std::uint64_t>("bytes"))
                                       : base::jsonString(each, "source")});
  }
  call.print(json, rows.empty() ? "No volumes: what processes write is gone when they end\n" : table(rows));
  return 0;
}

int add(const Invocation& call) {
  const store::App app = call.app();
  const std::string& word = call.args[0];
  const auto colon = word.find(':');
  if (colon == std::string::npos)
    throw base::Error(base::Errc::invalidArgument,
                      "\"" + base::printable(word) + "\" is not of the form NAME:PATH, like data:/app/data");
  Volume volume{.name = word.substr(0, colon),
                .target = word.substr(colon + 1),
                .readOnly = call.flag("read-only"),
                .source = {}};
  if (const auto source = call.option("from")) {
    call.require(Action::administer);  // any folder of the server
    volume.source = *source;
  }
  const runner::LaunchResult result = addVolume(call.parts, app, volume, call.caller.user);
  return reportLaunch(call, app, result, volumesJson(call, app),
                      "Volume " + volume.name + " at " + volume.target + " of " + app.name.str() + "\n");
}

int remove(const Invocation& call) {
  const store::App app = call.app();
  const std::string& name = call.args[0];
  if (call.option("confirm") != name)
    throw base::Error(base::Errc::invalidArgument,
                      "what is in the volume is lost then: type fairlead volumes:remove " +
                          base::printable(name) + " --confirm " + base::printable(name) + " -a " +
                          app.name.str());
  const runner::LaunchResult result = removeVolume(call.parts, app, name, call.caller.user);
  return reportLaunch(call, app, result, volumesJson(call, app), "Removed " + name + " and what was in it\n");
}

}  // namespace

std::vector<CommandSpec> volumeCommands() {
  return {
      {"volumes",
       "-a APP",
       "list the folders that outlive an app's processes",
       0,
       0,
       {},
       listVolumes,
       Action::viewApp},
      {"volumes:add",
       "NAME:PATH [--read-only] [--from FOLDER] -a APP",
       "give an app's processes a folder that outlives them; administrators: one of the server",
       1,
       1,
       {"read-only", "from="},
       add,
       Action::manageApp},
      {"volumes:remove",
       "NAME --confirm NAME -a APP",
       "take it away, with what is in it",
       1,
       1,
       {"confirm="},
       remove,
       Action::manageApp},
  };
}

}  // namespace controller
