#include "builder/detail/slug_packer.h"

#include <optional>
#include <string>

#include "base/archive.h"
#include "base/error.h"
#include "base/tree_contents.h"
#include "store/layer_writer.h"

namespace builder::detail {
namespace {

constexpr base::TarOwner kOwner = {.uid = 1000, .gid = 1000};
/// Some tools take 1970 for "no time" and 1980 is the first that a zip can hold.
constexpr std::int64_t kTimeSeconds = 315532800;
/// 3 % more bytes than level 6 in two thirds of its time.
constexpr int kGzipLevel = 4;
constexpr int kZstdLevel = 3;

store::LayerOptions layerOptions(store::Compression compression) {
  return {.compression = compression,
          .level = compression == store::Compression::zstd ? kZstdLevel : kGzipLevel};
}

base::PackOptions packOptions(bool last) {
  return {.prefix = "./app",
          .owner = kOwner,
          .mtimeSeconds = kTimeSeconds,
          .ending = last ? base::PackOptions::Ending::closed : base::PackOptions::Ending::open};
}

/// The tree and all that its layer's bytes depend on: a change of the format is a change of the name.
base::Digest nameOf(const base::Digest& tree, const base::PackOptions& options,
                    const store::LayerOptions& layer) {
  const bool closed = options.ending == base::PackOptions::Ending::closed;
  return base::Digest::of("layer format 2\n" + std::string(store::LayerWriter::mediaType(layer.compression)) +
                          " level " + std::to_string(layer.level) + "\n" + options.prefix + " " +
                          std::to_string(options.owner.uid) + ":" + std::to_string(options.owner.gid) + " " +
                          std::to_string(options.mtimeSeconds) + (closed ? " closed\n" : " open\n") +
                          tree.str());
}

/// Ends a packing that nobody waits for any more, or that has become too large.
class GuardedSink : public base::ByteSink {
 public:
  GuardedSink(store::LayerWriter& out, const std::stop_token& stop, std::uint64_t maxBytes)
      : out_(out), stop_(stop), maxBytes_(maxBytes) {}
  void write(std::string_view bytes) override {
    if (stop_.stop_requested()) throw base::Error(base::Errc::cancelled, "packing was stopped");
    if (!tooLarge()) out_.write(bytes);
  }
  bool tooLarge() const { return out_.compressedBytes() > maxBytes_; }

 private:
  store::LayerWriter& out_;
  const std::stop_token& stop_;
  const std::uint64_t maxBytes_;
};

}  // namespace

void SlugPacker::add(const std::filesystem::path& folder, const SlugPart& part, bool last) {
  if (stop_.stop_requested()) throw base::Error(base::Errc::cancelled, "packing was stopped");
  const base::PackOptions options = packOptions(last);
  const base::Digest name = nameOf(base::digestOf(part.entries), options, layerOptions(options_.compression));
  if (const auto known = index_.findPackedTree(name);
      known && blobs_.size(known->blob.digest) == known->blob.sizeBytes) {
    packed_.layers.push_back(*known);
    packed_.bytes += known->blob.sizeBytes;
    return;
  }
  store::LayerWriter writer(blobs_, layerOptions(options_.compression));
  GuardedSink guarded(writer, stop_, options_.maxBytes - packed_.bytes);
  base::packEntries(folder, part.entries, options, guarded);
  if (guarded.tooLarge()) {
    packed_.bytes += writer.compressedBytes();
    return;
  }
  const store::Layer layer = writer.commit();
  packed_.layers.push_back(layer);
  packed_.bytes += layer.blob.sizeBytes;
  packed_.newBytes += layer.blob.sizeBytes;
  ++packed_.newLayers;
  index_.putPackedTree(name, layer);
}

PackedSlug SlugPacker::pack(const std::filesystem::path& folder, const std::vector<SlugPart>& parts) {
  for (std::size_t i = 0; i < parts.size() && packed_.bytes <= options_.maxBytes; ++i)
    add(folder, parts[i], i + 1 == parts.size());
  return std::move(packed_);
}

}  // namespace builder::detail
