#include "registry/image_import.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "base/archive.h"
#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "registry/detail/image_source.h"
#include "registry/detail/passed.h"
#include "registry/release_image.h"
#include "store/layer_writer.h"

namespace registry {
namespace {

namespace fs = std::filesystem;
using detail::descriptorOf;
using detail::ImageDocument;
using detail::ImageSource;
using detail::refuseImage;
using store::Digest;
using store::Layer;

constexpr std::size_t kMaxLayers = 127;  // what docker takes, too
constexpr int kMaxIndexes = 4;           // one in the other
constexpr std::string_view kLayoutScheme = "oci:";
constexpr std::string_view kArchiveScheme = "oci-archive:";

struct LayerType {
  const char* found;
  const char* stored;
};
/// Docker's layers are OCI's under another name.
constexpr std::array<LayerType, 4> kLayerTypes = {{
    {store::LayerWriter::kGzipLayer, store::LayerWriter::kGzipLayer},
    {store::LayerWriter::kZstdLayer, store::LayerWriter::kZstdLayer},
    {"application/vnd.oci.image.layer.v1.tar", "application/vnd.oci.image.layer.v1.tar"},
    {"application/vnd.docker.image.rootfs.diff.tar.gzip", store::LayerWriter::kGzipLayer},
}};

/// Removed with what is in it.
class WorkFolder {
 public:
  explicit WorkFolder(const fs::path& parent) {
    fs::create_directories(parent);
    std::string name = (parent / "import-XXXXXX").string();
    if (!::mkdtemp(name.data())) base::throwErrno(errno, "making a folder for the import");
    path_ = name;
  }
  ~WorkFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  WorkFolder(const WorkFolder&) = delete;
  WorkFolder& operator=(const WorkFolder&) = delete;
  const fs::path& path() const noexcept { return path_; }

 private:
  fs::path path_;
};

/// PATH[:TAG].
struct LocalReference {
  fs::path path;
  std::string tag;
};

LocalReference localReference(const std::string& text, std::string_view scheme) {
  const std::string rest = text.substr(scheme.size());
  const auto colon = rest.find(':');
  if (rest.empty() || colon == 0)
    throw base::Error(base::Errc::invalidArgument, "\"" + base::printable(text) + "\" names no file: it is " +
                                                       std::string(scheme) + "PATH or " +
                                                       std::string(scheme) + "PATH:TAG");
  return {rest.substr(0, colon), colon == std::string::npos ? "" : rest.substr(colon + 1)};
}

std::unique_ptr<ImageSource> openSource(const ImportInput& input, const fs::path& work,
                                        std::stop_token stop) {
  if (input.reference.starts_with(kLayoutScheme)) {
    const auto [folder, tag] = localReference(input.reference, kLayoutScheme);
    return detail::openLayout(folder, tag);
  }
  if (input.reference.starts_with(kArchiveScheme)) {
    const auto [file, tag] = localReference(input.reference, kArchiveScheme);
    const fs::path layout = work / "layout";
    fs::create_directory(layout);
    base::unpackTarFile(file, layout, {.keepOwners = false});
    return detail::openLayout(layout, tag);
  }
  return detail::openRemote(ImageReference::parse(input.reference), input, std::move(stop));
}

bool isIndex(const ImageDocument& document) {
  return document.json->isArray("manifests");
}

/// The index's image for linux on this machine; a variant is not asked for.
store::Descriptor chooseImage(const base::JsonObject::Ptr& index) {
  const auto list = index->getArray("manifests");
  for (unsigned i = 0; i < list->size(); ++i) {
    const auto each = list->getObject(i);
    const auto platform = each && each->isObject("platform") ? each->getObject("platform") : nullptr;
    if (platform ? base::jsonString(platform, "os") == "linux" &&
                       base::jsonString(platform, "architecture") == architecture()
                 : list->size() == 1)
      return descriptorOf(each);
  }
  refuseImage("none of its " + std::to_string(list->size()) + " platforms is linux/" + architecture());
}

base::JsonObject::Ptr memberOf(const base::JsonObject::Ptr& json, const std::string& key) {
  if (!json->isObject(key)) refuseImage("its JSON has no object \"" + key + "\"");
  return json->getObject(key);
}

base::JsonArray::Ptr listOf(const base::JsonObject::Ptr& json, const std::string& key) {
  if (!json->isArray(key)) refuseImage("its JSON has no list \"" + key + "\"");
  return json->getArray(key);
}

/// Copied unless it is here. What takes long says now and then how far it is.
store::Descriptor take(ImageSource& source, store::Descriptor layer, store::BlobStore& blobs,
                       const std::function<void(const std::string&)>& progress) {
  const auto type = std::find_if(kLayerTypes.begin(), kLayerTypes.end(),
                                 [&](const LayerType& each) { return layer.mediaType == each.found; });
  if (type == kLayerTypes.end())
    refuseImage("layers of the type " + base::printable(layer.mediaType) + " are not read here");
  layer.mediaType = type->stored;
  if (blobs.size(layer.digest) == layer.sizeBytes) return layer;
  const auto writer = blobs.create();
  detail::Passed passed([&](std::uint64_t bytes) {
    progress("         " + base::formatBytes(bytes) + " of " + base::formatBytes(layer.sizeBytes));
  });
  detail::WatchedSink watched(*writer, passed);
  source.read(layer, watched);
  if (layer.digest.algorithm() == base::DigestAlgorithm::sha256) {
    writer->commit(layer.digest);
    return layer;
  }
  // What is made here is named by sha256; the source has compared the other one.
  layer.digest = writer->commit().digest;
  return layer;
}

std::vector<Layer> takeLayers(ImageSource& source, const ImportInput& input, store::BlobStore& blobs,
                              const std::stop_token& stop) {
  ImageDocument image = source.top();
  for (int depth = 0; isIndex(image); ++depth) {
    if (depth == kMaxIndexes) refuseImage("its indexes lie too deep in one another");
    image = source.document(chooseImage(image.json));
  }
  const auto config = source.document(descriptorOf(memberOf(image.json, "config"))).json;
  const std::string built = base::jsonString(config, "architecture");
  if (built != architecture())
    refuseImage("it is made for " + base::printable(built) + ", and this machine is " + architecture());
  const auto diffIds = listOf(memberOf(config, "rootfs"), "diff_ids");
  const auto list = listOf(image.json, "layers");
  if (list->size() == 0 || list->size() > kMaxLayers || list->size() != diffIds->size())
    refuseImage("it has " + std::to_string(list->size()) + " layers and " + std::to_string(diffIds->size()) +
                " diff ids");
  std::vector<Layer> layers;
  for (unsigned i = 0; i < list->size(); ++i) {
    if (stop.stop_requested()) throw base::Error(base::Errc::cancelled, "cancelled");
    const store::Descriptor found = descriptorOf(list->getObject(i));
    input.progress("       layer " + std::to_string(i + 1) + " of " + std::to_string(list->size()) + ", " +
                   base::formatBytes(found.sizeBytes));
    const auto diffId = Digest::tryParse(diffIds->optElement<std::string>(i, ""));
    if (!diffId) refuseImage("its config has a diff id that is no digest");
    layers.push_back({take(source, found, blobs, input.progress), *diffId});
  }
  return layers;
}

/// /app with the owner that builds and apps have.
Layer appFolderLayer(store::BlobStore& blobs, const fs::path& parent) {
  const fs::path empty = parent / "app";
  fs::create_directory(empty);
  if (::chmod(empty.c_str(), 0755) != 0) base::throwErrno(errno, "making the folder /app");
  store::LayerWriter layer(blobs);
  base::packTree(empty, {.prefix = "./app", .owner = {1000, 1000}}, layer);
  return layer.commit();
}

}  // namespace

bool isLocalReference(const std::string& reference) {
  return reference.starts_with(kLayoutScheme) || reference.starts_with(kArchiveScheme);
}

std::vector<Layer> importImage(const ImportInput& input, store::BlobStore& blobs, std::stop_token stop) {
  const WorkFolder work(input.workFolder);
  const auto source = openSource(input, work.path(), stop);
  std::vector<Layer> layers = takeLayers(*source, input, blobs, stop);
  layers.push_back(appFolderLayer(blobs, work.path()));
  return layers;
}

}  // namespace registry
