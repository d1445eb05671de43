// backup
#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "controller/backup.h"
#include "controller/command_set.h"
#include "controller/report.h"

namespace controller {
namespace {

base::JsonObject::Ptr render(const BackupSummary& summary, const std::string& file) {
  auto missing = base::makeJsonArray();
  for (const store::Digest& digest : summary.missing)
    missing->add(digest.str());
  auto json = base::makeJsonObject();
  json->set("file", file);
  json->set("apps", summary.apps);
  json->set("blobs", summary.blobs);
  json->set("size", summary.sizeBytes);
  json->set("missing", missing);
  return json;
}

std::string sentence(const BackupSummary& summary) {
  return counted(summary.apps, "app") + ", " + counted(summary.blobs, "blob") + ", " +
         base::formatBytes(summary.sizeBytes);
}

int backUp(const Invocation& call) {
  const std::string& file = call.args[0];
  const bool toStdout = file == "-";
  if (!toStdout && !call.io.save)
    throw base::Error(base::Errc::invalidArgument,
                      "backup cannot write files over SSH: write backup -, and send its output to a file");
  auto backup = call.parts.backups->begin(call.io.stop);
  const BackupSummary summary = backup->summary();
  for (const store::Digest& digest : summary.missing)
    call.io.err.write(
        "fairlead: blob " + digest.str() +
        " is damaged or gone, so the backup lacks it: fairlead registry:scrub says how to heal it\n");
  call.io.err.write("Backing up " + sentence(summary) + "; the keys are in it: keep it to yourself\n");
  if (!call.io.save) {
    backup->writeTo(call.io.out, call.io.stop);
    return 0;
  }
  call.parts.backups->handOver(
      std::move(backup),
      [&](const std::string& id) {
        call.io.save({"/fairlead/backup/" + id, file, Download::Kind::secret});
      },
      call.io.stop);
  if (!toStdout) call.print(render(summary, file), "The backup is whole: " + file + "\n");
  return 0;
}

}  // namespace

std::vector<CommandSpec> backupCommands() {
  return {{"backup",
           "FILE|-",
           "copy all that cannot be made again into one file, while the server serves",
           1,
           1,
           {},
           backUp,
           Action::administer}};
}

}  // namespace controller
