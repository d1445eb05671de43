#include "builder/builder.h"

#include "base/error.h"
#include "builder/detail/build_run.h"
#include "builder/detail/buildpack_source.h"
#include "builder/detail/source_fetch.h"
#include "builder/detail/trash.h"

namespace builder {
namespace {

constexpr const char* kTrashFolder = ".trash";

}  // namespace

Builder::Builder(BuilderConfig config, sandbox::ContainerRuntime& runtime, store::BlobStore& blobs,
                 store::LayerIndex& packed)
    : config_(std::move(config)),
      runtime_(runtime),
      blobs_(blobs),
      packed_(packed),
      trash_(std::make_unique<detail::Trash>(config_.workFolder / kTrashFolder)) {
  std::vector<std::filesystem::path> left;  // first all names, for the folder changes
  for (const auto& entry : std::filesystem::directory_iterator(config_.workFolder)) {
    if (entry.path().filename() != kTrashFolder) left.push_back(entry.path());
  }
  for (const auto& path : left)
    trash_->take(path);
}

Builder::~Builder() = default;

BuildOutcome Builder::build(const BuildInput& input, BuildOutput& output, std::stop_token stop) {
  return detail::BuildRun(
             {.config = config_, .runtime = runtime_, .blobs = blobs_, .packed = packed_, .trash = *trash_},
             input, output, std::move(stop))
      .run();
}

std::optional<std::variant<BuildFailed, BuildCancelled>> Builder::fetchSource(const BuildInput& input,
                                                                              const SourceFetch& fetch,
                                                                              BuildOutput& output,
                                                                              std::stop_token stop) {
  return detail::fetchSource(
      {.config = config_, .runtime = runtime_, .blobs = blobs_, .packed = packed_, .trash = *trash_}, input,
      fetch, output, std::move(stop));
}

void checkBuildpackSource(std::string_view source) {
  const auto parsed = detail::parseBuildpackSource(source);
  if (const auto* error = std::get_if<detail::SourceError>(&parsed))
    throw base::Error(base::Errc::invalidArgument, error->message);
}

}  // namespace builder
