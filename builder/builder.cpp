#include "builder/builder.h"

#include "builder/detail/build_run.h"
#include "builder/detail/trash.h"

namespace builder {
namespace {

constexpr const char* kTrashFolder = ".trash";

}  // namespace

Builder::Builder(BuilderConfig config, sandbox::ContainerRuntime& runtime, store::BlobStore& blobs)
    : config_(std::move(config)),
      runtime_(runtime),
      blobs_(blobs),
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
  return detail::BuildRun(config_, runtime_, blobs_, *trash_, input, output, std::move(stop)).run();
}

}  // namespace builder
