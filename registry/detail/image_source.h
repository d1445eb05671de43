// An image that lies somewhere else: its documents and layers by descriptor.
#pragma once

#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "base/byte_sink.h"
#include "base/json.h"
#include "registry/image_import.h"

namespace registry::detail {

/// A manifest or an index, verified.
struct ImageDocument {
  std::string mediaType;
  base::JsonObject::Ptr json;
};

/// One thread at a time; throws as importImage() does.
class ImageSource {
 public:
  virtual ~ImageSource() = default;
  /// What the reference names.
  virtual ImageDocument top() = 0;
  /// A manifest out of an index, or an image's config: verified.
  virtual ImageDocument document(const store::Descriptor& descriptor) = 0;
  /// The content of a layer. What is wrong with it may show at the end only, as an error.
  virtual void read(const store::Descriptor& layer, base::ByteSink& out) = 0;
};

/// "oci:DIR[:TAG]". Without a TAG the layout has one image.
std::unique_ptr<ImageSource> openLayout(const std::filesystem::path& folder, const std::string& tag);
std::unique_ptr<ImageSource> openRemote(const ImageReference& reference, const ImportInput& input,
                                        std::stop_token stop);

/// A descriptor of outside JSON; throws invalidArgument.
store::Descriptor descriptorOf(const base::JsonObject::Ptr& json);
/// throws invalidArgument: "the image cannot be taken: WHAT".
[[noreturn]] void refuseImage(const std::string& what);

}  // namespace registry::detail
