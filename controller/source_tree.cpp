#include "controller/source_tree.h"

#include <unistd.h>

#include <cerrno>
#include <optional>

#include "base/archive_source.h"
#include "base/error.h"
#include "base/strings.h"
#include "gitd/repository.h"

namespace controller {
namespace {

/// Reads a shared file from its start, without moving its position.
class SharedFileSource : public base::ByteSource {
 public:
  explicit SharedFileSource(const base::Fd& file) : file_(file) {}
  std::size_t read(char* buffer, std::size_t capacity) override {
    ssize_t count = 0;
    do {
      count = ::pread(file_.get(), buffer, capacity, offset_);
    } while (count < 0 && errno == EINTR);
    if (count < 0) base::throwErrno(errno, "reading the source");
    offset_ += count;
    return static_cast<std::size_t>(count);
  }

 private:
  const base::Fd& file_;
  off_t offset_ = 0;
};

void verify(const base::Fd& tarball, const base::Digest& expected) {
  SharedFileSource source(tarball);
  base::Sha256 hash;
  std::string buffer(256u << 10, '\0');
  while (const std::size_t count = source.read(buffer.data(), buffer.size()))
    hash.update({buffer.data(), count});
  const base::Digest found = hash.finish();
  if (found != expected)
    throw base::Error(base::Errc::invalidArgument, "the source has the checksum SHA256:" + found.hex() +
                                                       ", not the one that was given: send it again");
}

}  // namespace

SourceTree exportCommit(BuildRun& run, const std::filesystem::path& folder, const SourceLimits& limits) {
  const gitd::PushRequest& push = *run.push();
  const git::ExportStats stats =
      gitd::exportTree(push.repository.path, push.quarantine.get(), run.build().commit, folder,
                       {.maxFiles = limits.maxFiles,
                        .maxBytes = limits.maxBytes,
                        .maxDepth = limits.maxDepth,
                        .stop = run.stopToken()});
  SourceTree tree{.folder = folder, .submodules = {}};
  for (const git::Gitlink& link : stats.submodules)
    tree.submodules.push_back({link.path, link.commit.hex()});
  if (stats.lfsPointers > 0)
    run.log().error(
        std::to_string(stats.lfsPointers) + (stats.lfsPointers == 1 ? " file is" : " files are") +
        " only a Git LFS pointer, not the content: LFS is not served here, so commit the content itself");
  return tree;
}

SourceTree unpackTarball(BuildRun& run, const base::Fd& tarball, const std::filesystem::path& folder,
                         const SourceLimits& limits) {
  if (run.tarball()->checksum) verify(tarball, *run.tarball()->checksum);
  SharedFileSource source(tarball);
  return {.folder = base::unpackSource(source, folder,
                                       {.maxFiles = limits.maxFiles,
                                        .maxBytes = limits.maxBytes,
                                        .maxDepth = limits.maxDepth,
                                        .stop = run.stopToken()}),
          .submodules = {}};
}

bool isCommitId(std::string_view version) {
  constexpr std::size_t kSha1 = 40;
  constexpr std::size_t kSha256 = 64;
  return (version.size() == kSha1 || version.size() == kSha256) &&
         version.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string withoutSecrets(const std::string& url) {
  std::string plain = url.substr(0, url.find_first_of("?#"));
  const auto scheme = plain.find("://");
  if (scheme == std::string::npos) return plain;
  const auto host = scheme + 3;
  const auto at = plain.rfind('@', plain.find('/', host));
  return at == std::string::npos || at < host ? plain : plain.substr(0, host) + plain.substr(at + 1);
}

}  // namespace controller
