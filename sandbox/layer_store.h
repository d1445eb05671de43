// Layers unpacked once per digest, for overlays.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "base/byte_sink.h"
#include "base/digest.h"
#include "sandbox/foreign_trees.h"

namespace sandbox {

/// Folder `root`/<64 hex of the layer's digest>, owned by the users of containers, OCI whiteouts as overlayfs
/// wants them. Unpacked aside and renamed, so that a present folder is whole; disposable: rebuilt
/// from the blob. Thread-safe; two callers for one digest share the work. (OCI image-spec, Layer: whiteouts.)
class LayerStore {
 public:
  /// `trees` outlives it.
  LayerStore(std::filesystem::path root, ForeignTrees& trees);
  ~LayerStore();
  /// The layer's folder; `open` gives the compressed tar when it is not there yet. Throws corrupt when the
  /// bytes do not match `digest`.
  std::filesystem::path ensure(const base::Digest& digest,
                               const std::function<std::unique_ptr<base::ByteSource>()>& open);
  /// For a layer whose tree is at hand already: nothing when not present.
  bool has(const base::Digest& digest) const;
  void remove(const base::Digest& digest);
  /// Removes the layers that are not in `keep` and that nobody has asked for (ensure) for `idle`, the time
  /// before this object was made not counted. Returns how many. Blocks for as long as unlinking takes.
  std::size_t sweep(const std::set<std::string>& keepHex, std::chrono::seconds idle);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sandbox
