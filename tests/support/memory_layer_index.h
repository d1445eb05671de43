// A LayerIndex without a database.
#pragma once

#include <map>

#include "base/guarded.h"
#include "store/layer_index.h"

namespace testing_support {

/// Thread-safe.
class MemoryLayerIndex : public store::LayerIndex {
 public:
  std::optional<store::Layer> findPackedTree(const store::Digest& tree) override {
    return layers_.with([&](const Layers& layers) -> std::optional<store::Layer> {
      const auto found = layers.find(tree);
      if (found == layers.end()) return std::nullopt;
      return found->second;
    });
  }
  void putPackedTree(const store::Digest& tree, const store::Layer& layer) override {
    layers_.with([&](Layers& layers) { layers.insert_or_assign(tree, layer); });
  }

  void clear() {
    layers_.with([](Layers& layers) { layers.clear(); });
  }

 private:
  using Layers = std::map<store::Digest, store::Layer>;
  base::Guarded<Layers> layers_;
};

}  // namespace testing_support
