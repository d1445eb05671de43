#include "registry/detail/image_source.h"

#include <fcntl.h>

#include <map>

#include "base/error.h"
#include "base/fd.h"
#include "base/strings.h"
#include "registry/registry_client.h"

namespace registry::detail {
namespace {

namespace fs = std::filesystem;
using store::Descriptor;
using store::Digest;

constexpr std::size_t kMaxDocument = 4u << 20;
constexpr const char* kIndexType = "application/vnd.oci.image.index.v1+json";

/// A document of that digest and size.
ImageDocument verified(const Descriptor& descriptor, const std::string& bytes) {
  if (bytes.size() != descriptor.sizeBytes ||
      Digest::of(bytes, descriptor.digest.algorithm()) != descriptor.digest)
    refuseImage(descriptor.digest.str() + " is not what its digest says");
  return {descriptor.mediaType, base::parseJsonObject(bytes, descriptor.digest.str(), kMaxDocument)};
}

/// A folder as the image-spec's image layout has it.
class LayoutSource : public ImageSource {
 public:
  LayoutSource(fs::path folder, std::string tag) : folder_(std::move(folder)), tag_(std::move(tag)) {}

  ImageDocument top() override {
    const auto index = base::parseJsonObject(base::readFile(folder_ / "index.json", kMaxDocument),
                                             "index.json", kMaxDocument);
    const auto list = index->getArray("manifests");
    if (!list) refuseImage("its index.json has no list \"manifests\"");
    if (tag_.empty() && list->size() == 1) return document(descriptorOf(list->getObject(0)));
    for (unsigned i = 0; i < list->size() && !tag_.empty(); ++i) {
      const auto each = list->getObject(i);
      const auto notes = each && each->isObject("annotations") ? each->getObject("annotations") : nullptr;
      if (notes && base::jsonString(notes, "org.opencontainers.image.ref.name") == tag_)
        return document(descriptorOf(each));
    }
    if (!tag_.empty()) refuseImage("the layout has no image named \"" + base::printable(tag_) + "\"");
    // Without a name, as an index of which this machine's image is meant.
    return {kIndexType, index};
  }

  ImageDocument document(const Descriptor& descriptor) override {
    return verified(descriptor, base::readFile(file(descriptor.digest), kMaxDocument));
  }

  void read(const Descriptor& layer, base::ByteSink& out) override {
    const base::Fd fd = base::openFile(file(layer.digest), O_RDONLY);
    std::string buffer(256u << 10, '\0');
    std::uint64_t bytes = 0;
    base::Hasher hasher(layer.digest.algorithm());
    while (const std::size_t got = base::readSome(fd, buffer.data(), buffer.size())) {
      const std::string_view part = std::string_view(buffer).substr(0, got);
      bytes += got;
      if (bytes > layer.sizeBytes) break;
      hasher.update(part);
      out.write(part);
    }
    if (bytes != layer.sizeBytes)
      refuseImage("the layer " + layer.digest.str() + " is not as long as its manifest says");
    if (hasher.finish() != layer.digest)
      refuseImage("the layer " + layer.digest.str() + " is not what its digest says");
  }

 private:
  fs::path file(const Digest& digest) const {
    return folder_ / "blobs" / std::string(base::name(digest.algorithm())) / digest.hex();
  }

  const fs::path folder_;
  const std::string tag_;
};

class RemoteSource : public ImageSource {
 public:
  RemoteSource(const ImageReference& reference, const ImportInput& input, std::stop_token stop)
      : reference_(reference.reference()),
        client_({.host = reference.host,
                 .repository = reference.repository,
                 .credential = input.credentials ? input.credentials->find(reference.host) : std::nullopt,
                 .web = input.web},
                std::move(stop)) {}

  ImageDocument top() override { return taken(client_.manifest(reference_)); }

  ImageDocument document(const Descriptor& descriptor) override {
    if (descriptor.mediaType.find("manifest") != std::string::npos || descriptor.mediaType == kIndexType)
      return taken(client_.manifest(descriptor.digest.str()));
    if (descriptor.sizeBytes > kMaxDocument) refuseImage("its config is larger than 4 MiB");
    struct Text : base::ByteSink {
      void write(std::string_view bytes) override { text += bytes; }
      std::string text;
    } out;
    client_.readBlob(descriptor, out);
    return verified(descriptor, out.text);
  }

  void read(const Descriptor& layer, base::ByteSink& out) override { client_.readBlob(layer, out); }

 private:
  static ImageDocument taken(const RemoteManifest& manifest) {
    return {manifest.mediaType, base::parseJsonObject(manifest.bytes, manifest.digest.str(), kMaxDocument)};
  }

  const std::string reference_;
  RegistryClient client_;
};

}  // namespace

void refuseImage(const std::string& what) {
  throw base::Error(base::Errc::invalidArgument, "the image cannot be taken: " + what);
}

Descriptor descriptorOf(const base::JsonObject::Ptr& json) {
  if (!json) refuseImage("its JSON has a list of something else than objects");
  const auto digest = Digest::tryParse(base::jsonString(json, "digest"));
  if (!digest) refuseImage("\"" + base::printable(base::jsonString(json, "digest")) + "\" is no digest");
  return {base::jsonString(json, "mediaType"), *digest, json->optValue<std::uint64_t>("size", 0)};
}

std::unique_ptr<ImageSource> openLayout(const fs::path& folder, const std::string& tag) {
  return std::make_unique<LayoutSource>(folder, tag);
}

std::unique_ptr<ImageSource> openRemote(const ImageReference& reference, const ImportInput& input,
                                        std::stop_token stop) {
  return std::make_unique<RemoteSource>(reference, input, std::move(stop));
}

}  // namespace registry::detail
