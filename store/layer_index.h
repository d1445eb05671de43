// Which trees were packed before.
#pragma once

#include <optional>

#include "store/model.h"

namespace store {

/// Layers by a digest of the tree that is in them and of the way in which it was packed. Thread-safe.
class LayerIndex {
 public:
  virtual ~LayerIndex() = default;
  /// The layer's blob may be gone meanwhile: ask the blob store.
  virtual std::optional<Layer> findPackedTree(const Digest& tree) = 0;
  /// Replaces what was there.
  virtual void putPackedTree(const Digest& tree, const Layer& layer) = 0;
};

}  // namespace store
