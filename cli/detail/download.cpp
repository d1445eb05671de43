#include "cli/detail/download.h"

#include <algorithm>
#include <filesystem>

#include "base/atomic_file.h"
#include "base/digest.h"
#include "base/error.h"
#include "cli/detail/answer_reader.h"
#include "cli/detail/connection.h"

namespace cli::detail {
namespace {

using base::Errc;
using base::Error;

void copyVerified(Answer& answer, base::ByteSink& out) {
  std::string buffer(256u << 10, '\0');
  base::Sha256 hash;
  std::uint64_t received = 0;
  while (answer.body->read(buffer.data(), static_cast<std::streamsize>(buffer.size())) ||
         answer.body->gcount() > 0) {
    const std::string_view bytes(buffer.data(), static_cast<std::size_t>(answer.body->gcount()));
    hash.update(bytes);
    received += bytes.size();
    out.write(bytes);
  }
  if (answer.sizeBytes && received != *answer.sizeBytes)
    throw Error(Errc::unavailable, "the connection ended in the middle of the download");
  if (answer.digest && hash.finish() != *answer.digest)
    throw Error(Errc::corrupt, "what was downloaded does not have the digest that the server named");
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

void download(const ServerAddress& server, const std::string& path, const std::string& file,
              const Surroundings& surroundings) {
  const auto connection = Connection::open(server);
  Answer answer = connection->get(path);
  if (answer.status != 200) {
    throw Error(Errc::unavailable,
                errorMessage(*answer.body,
                             "the server answered " + std::to_string(answer.status) + " " + answer.reason));
  }
  if (file == "-") return copyVerified(answer, *surroundings.out);
  base::AtomicFile target(surroundings.currentFolder / file);
  copyVerified(answer, target);
  target.commit();
}

}  // namespace cli::detail
