#include "builder/builder.h"

#include "builder/detail/build_run.h"

namespace builder {

Builder::Builder(BuilderConfig config, sandbox::ContainerRuntime& runtime, store::BlobStore& blobs)
    : config_(std::move(config)), runtime_(runtime), blobs_(blobs) {}

BuildOutcome Builder::build(const BuildInput& input, BuildOutput& output, std::stop_token stop) {
  return detail::BuildRun(config_, runtime_, blobs_, input, output, std::move(stop)).run();
}

}  // namespace builder
