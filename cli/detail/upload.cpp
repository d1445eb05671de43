#include "cli/detail/upload.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "base/archive.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/gzip.h"
#include "base/json.h"
#include "base/strings.h"
#include "base/tree_list.h"
#include "cli/detail/answer_reader.h"
#include "cli/detail/connection.h"
#include "cli/progress_line.h"

namespace cli::detail {
namespace {

namespace fs = std::filesystem;
using base::Errc;
using base::Error;

constexpr std::size_t kMaxAnswerBytes = 64u << 10;

/// The value of --source (or -s), or null.
std::string* findSource(std::vector<std::string>& argv) {
  constexpr std::string_view kLong = "--source=";
  if (argv.empty() || argv[0] != "builds:create") return nullptr;
  for (std::size_t i = 1; i < argv.size() && argv[i] != "--"; ++i) {
    if (argv[i].starts_with(kLong)) {
      const std::string value = argv[i].substr(kLong.size());
      argv[i] = "--source";
      argv.insert(argv.begin() + static_cast<std::ptrdiff_t>(i) + 1, value);
    }
    if ((argv[i] == "--source" || argv[i] == "-s") && i + 1 < argv.size()) return &argv[i + 1];
  }
  return nullptr;
}

void requireStatus(const Answer& answer, int status) {
  if (answer.status == status) return;
  throw Error(Errc::unavailable,
              errorMessage(*answer.body,
                           "the server answered " + std::to_string(answer.status) + " " + answer.reason));
}

/// "/sources/..." of a URL of the server's, which we reach in our own way.
std::string pathOf(const std::string& url) {
  const auto path = url.find("/sources/");
  if (path == std::string::npos)
    throw Error(Errc::unavailable, "the server gave no place to send the source to");
  return url.substr(path);
}

struct SourcePaths {
  std::string get;
  std::string put;
};

SourcePaths makeSource(const ServerAddress& server) {
  const auto connection = Connection::open(server);
  const Answer answer = connection->post("/sources", "{}");
  requireStatus(answer, 201);
  std::string text(kMaxAnswerBytes, '\0');
  answer.body->read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(answer.body->gcount()));
  const auto blob = base::parseJsonObject(text, "the server's answer")->getObject("source_blob");
  if (!blob) throw Error(Errc::unavailable, "the server gave no place to send the source to");
  return {pathOf(base::jsonString(blob, "get_url")), pathOf(base::jsonString(blob, "put_url"))};
}

/// Passes bytes on and tells how many.
class CountedSink : public base::ByteSink {
 public:
  CountedSink(base::ByteSink& out, ProgressLine& progress) : out_(out), progress_(progress) {}
  void write(std::string_view bytes) override {
    out_.write(bytes);
    progress_.add(bytes.size());
  }

 private:
  base::ByteSink& out_;
  ProgressLine& progress_;
};

void writeFile(const fs::path& path, base::ByteSink& out) {
  const base::Fd file = base::openFile(path, O_RDONLY);
  std::string buffer(256u << 10, '\0');
  while (const std::size_t count = base::readSome(file, buffer.data(), buffer.size()))
    out.write({buffer.data(), count});
}

void writeFolder(const fs::path& path, base::ByteSink& out) {
  base::GzipWriter gzip(out);
  base::packEntries(path, base::listTree(path, {".git"}), {.prefix = "."}, gzip);
  gzip.finish();
}

}  // namespace

void uploadSource(const ServerAddress& server, const Surroundings& surroundings, CommandRequest& request) {
  std::string* source = findSource(request.argv);
  if (source == nullptr || source->find("://") != std::string::npos) return;
  const fs::path path = surroundings.currentFolder / *source;
  if (!fs::exists(path))
    throw Error(Errc::notFound, "there is no file or folder " + base::printable(*source) + " to be built");
  const bool folder = fs::is_directory(path);
  const SourcePaths paths = makeSource(server);
  const auto connection = Connection::open(server);
  // What a folder becomes is not known before it is packed.
  ProgressLine progress(surroundings.progressTerminal(),
                        surroundings.clock, "sending " + *source,
                        folder ? std::nullopt : std::optional<std::uint64_t>(fs::file_size(path)));
  const Answer answer = connection->put(paths.put, [&](base::ByteSink& out) {
    CountedSink counted(out, progress);
    if (folder)
      writeFolder(path, counted);
    else
      writeFile(path, counted);
  });
  progress.finish();
  requireStatus(answer, 200);
  *source = paths.get;
}

}  // namespace cli::detail
