// From a built tree to the stored layers of its slug.
#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <vector>

#include "builder/detail/slug_plan.h"
#include "store/blob_store.h"
#include "store/layer_index.h"
#include "store/layer_writer.h"
#include "store/model.h"

namespace builder::detail {

struct PackedSlug {
  std::vector<store::Layer> layers;  ///< bottom first; their concatenation is one archive
  std::uint64_t bytes = 0;           ///< compressed, of all layers
  std::uint64_t newBytes = 0;        ///< of those that were not in the store
  std::size_t newLayers = 0;
};

/// Packs the parts of a slug, each into a layer, but not those that the store has already, whoever made them:
/// these cost one reading of their files. Same parts, same layers. One use, one thread; packing and hashing
/// take threads of their own.
class SlugPacker {
 public:
  struct Options {
    std::uint64_t maxBytes = 0;  ///< packing ends early once more are there
    store::Compression compression = store::Compression::gzip;
  };
  SlugPacker(store::BlobStore& blobs, store::LayerIndex& index, Options options, std::stop_token stop)
      : blobs_(blobs), index_(index), options_(options), stop_(std::move(stop)) {}

  /// `parts` as planSlug makes them of what readTree found below `folder`. `bytes` is more than the limit,
  /// and then not to be relied on otherwise, when the slug is too large. Throws cancelled when it was
  /// stopped, io.
  PackedSlug pack(const std::filesystem::path& folder, const std::vector<SlugPart>& parts);

 private:
  void add(const std::filesystem::path& folder, const SlugPart& part, bool last);

  store::BlobStore& blobs_;
  store::LayerIndex& index_;
  const Options options_;
  std::stop_token stop_;
  PackedSlug packed_;
};

}  // namespace builder::detail
