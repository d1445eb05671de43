#include "builder/detail/source_fetch.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/fd.h"
#include "base/strings.h"
#include "builder/detail/buildpack_source.h"
#include "builder/detail/phase_scripts.h"

namespace builder::detail {
namespace {

constexpr auto kFetchTimeout = std::chrono::seconds(300);
constexpr const char* kFile = "source.tar";  // in the container's /tmp

/// The container has ended; the file may be anything that curl, or who took curl over, has left.
std::optional<BuildStop> take(sandbox::ForeignTrees& trees, const std::filesystem::path& folder,
                              const SourceFetch& fetch) {
  const base::Fd tmp = base::openFile(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  struct stat info {};
  if (::fstatat(tmp.get(), kFile, &info, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(info.st_mode))
    return BuildFailed{"Fetching the source failed: nothing came"};
  if (static_cast<std::uint64_t>(info.st_size) > fetch.maxBytes)
    return BuildFailed{"the source is larger than " + base::formatBytes(fetch.maxBytes) +
                       ": make it smaller, or raise the setting source_max_bytes"};
  // Out of a sticky folder only a file's owner moves it; then who fetched it has no say in who reads it.
  trees.takeBack(folder / kFile, sandbox::ForeignTrees::Depth::itself);
  constexpr mode_t kPrivate = 0600;
  if (::fchmodat(tmp.get(), kFile, kPrivate, 0) != 0 ||
      ::renameat(tmp.get(), kFile, AT_FDCWD, fetch.target.c_str()) != 0)
    base::throwErrno(errno, "taking the source");
  return std::nullopt;
}

}  // namespace

std::optional<BuildStop> fetchSource(const BuildParts& parts, const BuildInput& input,
                                     const SourceFetch& fetch, BuildOutput& output, std::stop_token stop) {
  LineKeeper lines(output);
  const BuildFolder folder({parts.config.workFolder, parts.trees, parts.trash}, input);
  DiskWatch disk({.watched = folder.path()}, parts.trees,
                 {.maxBytes = input.limits.diskBytes, .minFreeBytes = parts.config.diskMinFreeBytes});
  PhaseRunner phases(
      {parts.config, parts.runtime, input, folder, disk, [&](const std::string& line) { lines.error(line); }},
      std::move(stop));
  lines.step("Fetching the source from " + base::printable(withoutCredentials(fetch.url), 200));
  const auto result = phases.run({.name = "source",
                                  .script = kFetchSourceScript,
                                  .arguments = {fetch.url, std::to_string(fetch.maxBytes), kFile},
                                  .folder = "/tmp",
                                  .network = true,
                                  .timeout = kFetchTimeout},
                                 lines);
  if (auto stopped = phases.judge(result, "Fetching the source failed: it")) return stopped;
  return take(parts.trees, folder.temporary(), fetch);
}

}  // namespace builder::detail
