// Stacks made from Debian's packages.
#pragma once

#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/byte_sink.h"
#include "store/blob_store.h"
#include "store/model.h"

namespace builder {

/// Names that makeStack knows: "debian-12".
std::vector<std::string> knownStacks();

struct StackLayers {
  store::Layer build;
  store::Layer run;
};

/// Makes the build and the run file system of a stack with mmdebstrap from this machine's own apt sources
/// (and its proxy settings), streams each as one layer into `blobs`. Writes progress as lines to `output` (at
/// least every few seconds). Reproducible for the same package versions (SOURCE_DATE_EPOCH, no logs, no
/// caches, no machine id). Blocks for a minute or two; needs root. Throws notFound for an unknown stack
/// (names the known ones), unavailable with mmdebstrap's last words, cancelled.
StackLayers makeStack(const std::string& name, store::BlobStore& blobs, base::ByteSink& output,
                      std::stop_token stop);

}  // namespace builder
