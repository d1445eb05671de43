#include "builder/detail/slug_tree.h"

#include <string>

#include "base/strings.h"
#include "base/tree_size.h"

namespace builder::detail {
namespace {

/// packTree() takes paths of 4095 bytes, with "./app/" before them.
constexpr std::uint64_t kMaxPathBytes = 4000;

}  // namespace

std::optional<BuildStop> refuseSlugTree(const std::filesystem::path& folder, const BuildLimits& limits,
                                        const std::stop_token& stop) {
  const base::TreeSize size = base::measureTree(folder, {.maxEntries = limits.slugFiles + 1, .stop = stop});
  if (stop.stop_requested()) return BuildCancelled{};
  if (size.entries > limits.slugFiles) {
    return BuildFailed{"The slug would hold more than " + std::to_string(limits.slugFiles) +
                       " files and folders (setting slug_max_files); leave files out with .slugignore"};
  }
  if (size.contentBytes > limits.slugExpandedBytes) {
    return BuildFailed{"The slug would expand to " + base::formatBytes(size.contentBytes) + " (at most " +
                       base::formatBytes(limits.slugExpandedBytes) +
                       ", setting slug_max_expanded_bytes; holes in files count); leave files out with "
                       ".slugignore"};
  }
  if (size.longestPath > kMaxPathBytes) {
    return BuildFailed{"The build left a path of " + std::to_string(size.longestPath) +
                       " bytes: make folders less deep, since at most " + std::to_string(kMaxPathBytes) +
                       " can be packed"};
  }
  return std::nullopt;
}

}  // namespace builder::detail
