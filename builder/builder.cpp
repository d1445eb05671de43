#include "builder/builder.h"

#include "base/error.h"
#include "base/strings.h"
#include "builder/detail/build_run.h"
#include "builder/detail/buildpack_source.h"
#include "builder/detail/lent_tree.h"
#include "builder/detail/slug_packer.h"
#include "builder/detail/slug_plan.h"
#include "builder/detail/slug_tree.h"
#include "builder/detail/source_fetch.h"
#include "builder/detail/trash.h"

namespace builder {
namespace {

constexpr const char* kTrashFolder = ".trash";

}  // namespace

Builder::Builder(BuilderConfig config, sandbox::ContainerRuntime& runtime, sandbox::ForeignTrees& trees,
                 store::BlobStore& blobs, store::LayerIndex& packed)
    : config_(std::move(config)),
      runtime_(runtime),
      trees_(trees),
      blobs_(blobs),
      packed_(packed),
      trash_(std::make_unique<detail::Trash>(config_.workFolder / kTrashFolder, trees)) {
  std::vector<std::filesystem::path> left;  // first all names, for the folder changes
  for (const auto& entry : std::filesystem::directory_iterator(config_.workFolder)) {
    if (entry.path().filename() != kTrashFolder) left.push_back(entry.path());
  }
  for (const auto& path : left)
    trash_->take(path);
}

Builder::~Builder() = default;

detail::BuildParts Builder::parts() {
  return {.config = config_,
          .runtime = runtime_,
          .blobs = blobs_,
          .packed = packed_,
          .trash = *trash_,
          .trees = trees_};
}

BuildOutcome Builder::build(const BuildInput& input, BuildOutput& output, std::stop_token stop) {
  return detail::BuildRun(parts(), input, output, std::move(stop)).run();
}

std::optional<std::variant<BuildFailed, BuildCancelled>> Builder::fetchSource(const BuildInput& input,
                                                                              const SourceFetch& fetch,
                                                                              BuildOutput& output,
                                                                              std::stop_token stop) {
  return detail::fetchSource(parts(), input, fetch, output, std::move(stop));
}

PackOutcome Builder::packFolder(const std::filesystem::path& folder, const BuildLimits& limits,
                                std::stop_token stop) {
  detail::LentTree lent(folder, trees_);
  auto tree = detail::readSlugTree(lent, limits, stop);
  if (const auto* ended = std::get_if<detail::BuildStop>(&tree))
    return std::visit([](const auto& each) { return PackOutcome(each); }, *ended);
  const auto parts = detail::planSlug(std::get<std::vector<base::TreeEntry>>(tree), {});
  detail::PackedSlug packed =
      detail::SlugPacker(blobs_, packed_,
                         {.maxBytes = limits.slugBytes, .compression = config_.slugCompression}, stop)
          .pack(folder, parts);
  if (packed.bytes > limits.slugBytes)
    return BuildFailed{"the slug is larger than " + base::formatBytes(limits.slugBytes) +
                       " when it is packed: make it smaller, or raise the setting slug_max_bytes"};
  return std::move(packed.layers);
}

void checkBuildpackSource(std::string_view source) {
  const auto parsed = detail::parseBuildpackSource(source);
  if (const auto* error = std::get_if<detail::SourceError>(&parsed))
    throw base::Error(base::Errc::invalidArgument, error->message);
}

}  // namespace builder
