#include "server/restore.h"

#include <unistd.h>

#include <filesystem>
#include <iostream>
#include <optional>

#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "cli/progress_line.h"
#include "controller/report.h"
#include "controller/restore.h"

namespace server {
namespace {

constexpr const char* kUsage =
    "usage: fairlead restore FILE --data DIR [--json]\n"
    "\n"
    "Makes the new data folder DIR out of a backup, which it checks on the way.\n"
    "\n"
    "Example: fairlead restore /mnt/fairlead.backup --data /var/lib/fairlead\n";

struct Words {
  std::string file;
  std::string data;
  bool json = false;
};

std::optional<Words> parse(const std::vector<std::string>& args) {
  Words words;
  for (std::size_t i = 0; i < args.size(); ++i) {
    if (args[i] == "--json")
      words.json = true;
    else if (args[i] == "--data" && i + 1 < args.size())
      words.data = args[++i];
    else if (args[i].starts_with("--data="))
      words.data = args[i].substr(7);
    else if (words.file.empty() && !args[i].starts_with("-"))
      words.file = args[i];
    else
      return std::nullopt;
  }
  if (words.file.empty() || words.data.empty()) return std::nullopt;
  return words;
}

class ErrSink : public base::ByteSink {
 public:
  void write(std::string_view bytes) override { std::cerr << bytes << std::flush; }
};

base::JsonArray::Ptr arrayOf(const std::vector<std::string>& words) {
  auto array = base::makeJsonArray();
  for (const std::string& word : words)
    array->add(word);
  return array;
}

void print(const Words& words, const controller::Restored& restored) {
  for (const std::string& digest : restored.missing)
    std::cerr
        << "fairlead: blob " << digest
        << " was damaged or gone when the backup was made; fairlead registry:scrub says what needs it\n";
  if (words.json) {
    auto json = base::makeJsonObject();
    json->set("data", words.data);
    json->set("apps", restored.apps);
    json->set("releases", restored.releases);
    json->set("blobs", restored.blobs);
    json->set("damaged", arrayOf(restored.damaged));
    json->set("missing", arrayOf(restored.missing));
    std::cout << base::toJson(json) << "\n";
    return;
  }
  std::cout << "Restored " << controller::counted(restored.apps, "app") << " with "
            << controller::counted(restored.releases, "release") << ", and "
            << controller::counted(restored.blobs, "blob") << "\nStart it with: fairlead serve --data "
            << base::shellQuote(words.data) << "\n";
}

}  // namespace

int restore(const std::vector<std::string>& args) {
  if (!args.empty() && (args[0] == "--help" || args[0] == "-h")) {
    std::cout << kUsage;
    return 0;
  }
  const auto words = parse(args);
  if (!words) {
    std::cerr << "fairlead: restore needs a backup and a new data folder; usage: fairlead restore FILE "
                 "--data DIR\n";
    return 2;
  }
  const base::SystemClock clock;
  try {
    ErrSink err;
    std::optional<cli::ProgressLine> line;
    const bool terminal = !words->json && ::isatty(STDOUT_FILENO) == 1 && ::isatty(STDERR_FILENO) == 1;
    const auto restored =
        controller::restoreBackup({.archive = words->file,
                                   .folder = std::filesystem::absolute(words->data),
                                   .clock = clock,
                                   .tell =
                                       [&](std::string_view doing, std::uint64_t totalBytes) {
                                         line.reset();
                                         std::cerr << doing << "\n" << std::flush;
                                         if (terminal && totalBytes > 0)
                                           line.emplace(&err, &clock, "  done", totalBytes);
                                       },
                                   .passed =
                                       [&](std::uint64_t bytes) {
                                         if (line) line->add(bytes);
                                       }});
    line.reset();
    print(*words, restored);
    return 0;
  } catch (const base::Error& error) {
    std::cerr << "fairlead: " << error.what() << '\n';
    return 1;
  }
}

}  // namespace server
