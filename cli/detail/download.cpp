#include "cli/detail/download.h"

#include <fcntl.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>

#include "base/atomic_file.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/fd.h"
#include "cli/detail/answer_reader.h"
#include "cli/detail/connection.h"
#include "cli/progress_line.h"

namespace cli::detail {
namespace {

using base::Errc;
using base::Error;

namespace fs = std::filesystem;

constexpr std::size_t kBuffer = 256u << 10;

/// The rest of the answer goes through `hash`, which may know a beginning, to `out`.
void copyRest(const Answer& answer, base::Sha256& hash, base::ByteSink& out, ProgressLine& progress) {
  std::string buffer(kBuffer, '\0');
  std::uint64_t received = 0;
  while (answer.body->read(buffer.data(), static_cast<std::streamsize>(buffer.size())) ||
         answer.body->gcount() > 0) {
    const std::string_view bytes(buffer.data(), static_cast<std::size_t>(answer.body->gcount()));
    hash.update(bytes);
    received += bytes.size();
    out.write(bytes);
    progress.add(bytes.size());
  }
  if (answer.sizeBytes && received != *answer.sizeBytes)
    throw Error(Errc::unavailable,
                "the connection ended in the middle of the download: the same command goes on from there");
}

void requireDigest(const Answer& answer, base::Sha256& hash) {
  if (answer.digest && hash.finish() != *answer.digest)
    throw Error(Errc::corrupt, "what was downloaded does not have the digest that the server named");
}

void copyVerified(const Answer& answer, base::ByteSink& out, ProgressLine& progress) {
  base::Sha256 hash;
  copyRest(answer, hash, out, progress);
  requireDigest(answer, hash);
}

Answer requireFound(Answer answer) {
  if (answer.status == 200 || answer.status == 206) return answer;
  throw Error(Errc::unavailable,
              errorMessage(*answer.body,
                           "the server answered " + std::to_string(answer.status) + " " + answer.reason));
}

fs::path partOf(const fs::path& file, const base::Digest& digest) {
  return file.parent_path() / ("." + file.filename().string() + "." + digest.hex() + ".part");
}

/// What an earlier attempt left of the file, with its digest.
struct Beginning {
  fs::path part;
  base::Digest digest;
};
std::optional<Beginning> beginningOf(const fs::path& file) {
  const std::string prefix = "." + file.filename().string() + ".";
  std::error_code missing;
  for (const auto& entry : fs::directory_iterator(file.parent_path(), missing)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(prefix) || !name.ends_with(".part") || !entry.is_regular_file()) continue;
    const auto digest =
        base::Digest::tryParse("sha256:" + name.substr(prefix.size(), name.size() - prefix.size() - 5));
    if (digest && fs::file_size(entry.path()) > 0) return Beginning{entry.path(), *digest};
  }
  return std::nullopt;
}

class FdSink : public base::ByteSink {
 public:
  explicit FdSink(const base::Fd& fd) : fd_(fd) {}
  void write(std::string_view bytes) override { base::writeAll(fd_, bytes); }

 private:
  const base::Fd& fd_;
};

/// Returns how long it is.
std::uint64_t hashBeginning(const base::Fd& fd, base::Sha256& hash) {
  std::string buffer(kBuffer, '\0');
  std::uint64_t length = 0;
  while (const std::size_t count = base::readSome(fd, buffer.data(), buffer.size())) {
    hash.update({buffer.data(), count});
    length += count;
  }
  return length;
}

/// Of an answer that is `before` bytes short of the whole.
ProgressLine progressOf(const Answer& answer, std::uint64_t before, const std::string& what,
                        const Surroundings& surroundings) {
  return ProgressLine(surroundings.progressTerminal(),
                      surroundings.clock, what,
                      answer.sizeBytes ? std::optional(*answer.sizeBytes + before) : std::nullopt);
}

/// Into a file that stays when the connection breaks, since its name tells what it is a part of.
void saveResumable(const Answer& answer, const fs::path& file, unsigned mode,
                   const Surroundings& surroundings) {
  const fs::path part = partOf(file, *answer.digest);
  const bool goesOn = answer.status == 206;
  const base::Fd fd = base::openFile(part, O_RDWR | O_CREAT | O_CLOEXEC | (goesOn ? 0 : O_TRUNC), mode);
  base::Sha256 hash;
  const std::uint64_t before = goesOn ? hashBeginning(fd, hash) : 0;
  FdSink out(fd);
  ProgressLine progress = progressOf(answer, before, file.filename().string(), surroundings);
  progress.beginAt(before);
  copyRest(answer, hash, out, progress);
  progress.finish();
  try {
    requireDigest(answer, hash);
  } catch (...) {
    fs::remove(part);
    throw;
  }
  base::fsyncOrThrow(fd, "writing " + file.filename().string());
  fs::rename(part, file);
  base::fsyncFolder(file.parent_path());
}

void save(const ServerAddress& server, const SavedFile& saved, const Surroundings& surroundings) {
  const fs::path file = surroundings.currentFolder / saved.file;
  const std::string& path = saved.path;
  const unsigned mode = saved.secret ? 0600 : 0644;
  std::unique_ptr<Connection> connection = Connection::open(server);
  const auto beginning = beginningOf(file);
  Answer answer = connection->get(
      path, beginning
                ? std::optional(Connection::Part{fs::file_size(beginning->part), beginning->digest.str()})
                : std::nullopt);
  if (beginning && (answer.status == 416 || (answer.status == 206 && answer.digest != beginning->digest))) {
    connection = Connection::open(server);
    answer = connection->get(path);
  }
  answer = requireFound(std::move(answer));
  if (beginning && answer.status == 200) fs::remove(beginning->part);
  if (answer.digest && answer.digest->algorithm() == base::DigestAlgorithm::sha256)
    return saveResumable(answer, file, mode, surroundings);
  base::AtomicFile target(file, mode);
  ProgressLine progress = progressOf(answer, 0, file.filename().string(), surroundings);
  copyVerified(answer, target, progress);
  progress.finish();
  target.commit();
}

}  // namespace

void checkFileName(const std::vector<std::string>& argv, const Surroundings& surroundings,
                   const std::string& file) {
  const bool typed = std::any_of(argv.begin(), argv.end(), [&](const std::string& word) {
    return word == file || word == "--output=" + file || word == "-o" + file;
  });
  const bool plain = !file.empty() && file.front() != '.' && file.find('/') == std::string::npos;
  if (file == "-" || (!file.empty() && typed)) return;
  if (plain) {
    if (!std::filesystem::exists(surroundings.currentFolder / file)) return;
    throw Error(Errc::alreadyExists, file + " is here already; to replace it, name it: -o " + file);
  }
  throw Error(Errc::permissionDenied,
              "the server wants to write a file that was not asked for; name it: -o FILE");
}

void download(const ServerAddress& server, const SavedFile& saved, const Surroundings& surroundings) {
  if (saved.file != "-") return save(server, saved, surroundings);
  const auto connection = Connection::open(server);
  const Answer answer = requireFound(connection->get(saved.path));
  ProgressLine progress = progressOf(answer, 0, "download", surroundings);
  copyVerified(answer, *surroundings.out, progress);
}

void fetchUrl(const std::string& url, const fs::path& file, const Surroundings& surroundings) {
  const auto scheme = url.find("://");
  const auto slash = scheme == std::string::npos ? scheme : url.find('/', scheme + 3);
  if (slash == std::string::npos || (!url.starts_with("http://") && !url.starts_with("https://")))
    throw Error(Errc::invalidArgument,
                "a URL that this can fetch begins with https:// or http:// and names a file; fetch others "
                "with curl -o FILE");
  save(serverOfUrl(surroundings, url.substr(0, slash)), {.path = url.substr(slash), .file = file.string()},
       surroundings);
}

}  // namespace cli::detail
