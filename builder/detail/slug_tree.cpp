#include "builder/detail/slug_tree.h"

#include <string>

#include "base/strings.h"
#include "base/tree_contents.h"

namespace builder::detail {
namespace {

/// packEntries() takes paths of 4095 bytes, with "./app/" before them.
constexpr std::uint64_t kMaxPathBytes = 4000;

}  // namespace

std::variant<std::vector<base::TreeEntry>, BuildStop> readSlugTree(LentTree& tree, const BuildLimits& limits,
                                                                   const std::stop_token& stop) {
  using End = base::TreeContents::End;
  base::TreeContents contents = tree.read([&] {
    return base::readTree(tree.folder(), {".git"},
                          {.maxEntries = limits.slugFiles,
                           .maxContentBytes = limits.slugExpandedBytes,
                           .maxPathBytes = kMaxPathBytes,
                           .stop = stop});
  });
  switch (contents.end) {
    case End::whole:
      break;
    case End::stopped:
      return BuildCancelled{};
    case End::tooManyEntries:
      return BuildFailed{"The slug would hold more than " + std::to_string(limits.slugFiles) +
                         " files and folders (setting slug_max_files); leave files out with .slugignore"};
    case End::tooManyBytes:
      return BuildFailed{"The slug would expand to more than " + base::formatBytes(limits.slugExpandedBytes) +
                         " (setting slug_max_expanded_bytes; holes in files count); leave files out with "
                         ".slugignore"};
    case End::pathTooLong:
      return BuildFailed{"There is a path of " + std::to_string(contents.beyond) +
                         " bytes or more: make folders less deep, since at most " +
                         std::to_string(kMaxPathBytes) + " can be packed"};
  }
  tree.restoreModes(contents.entries);
  return std::move(contents.entries);
}

}  // namespace builder::detail
