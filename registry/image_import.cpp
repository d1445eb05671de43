#include "registry/image_import.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>

#include "base/archive.h"
#include "base/atomic_file.h"
#include "base/child_process.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/strings.h"
#include "registry/release_image.h"
#include "store/layer_writer.h"

namespace registry {
namespace {

namespace fs = std::filesystem;
using base::Errc;
using base::Error;
using store::Digest;
using store::Layer;

constexpr std::size_t kMaxReference = 1024;
constexpr std::size_t kMaxLayers = 127;  // what docker takes, too
constexpr auto kCopyTimeout = std::chrono::hours(1);
constexpr std::array<const char*, 2> kLayerTypes = {store::LayerWriter::kGzipLayer,
                                                    "application/vnd.oci.image.layer.v1.tar+zstd"};

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

[[noreturn]] void refuse(const std::string& what) {
  throw Error(Errc::invalidArgument, "the image cannot be taken: " + what);
}

bool isRemoteReference(std::string_view text) {
  return !text.empty() && text.size() <= kMaxReference && text.front() != '-' &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  std::string_view("._-:/@[]").find(c) != std::string_view::npos;
         });
}

bool isLoopback(std::string_view remote) {
  const std::string_view host = remote.substr(0, remote.find('/'));
  return host.starts_with("localhost:") || host.starts_with("127.") || host.starts_with("[::1]") ||
         host == "localhost";
}

std::vector<std::string> copyCommand(const std::string& reference, const fs::path& layout) {
  std::vector<std::string> command = {"skopeo", "--override-os", "linux", "copy", "--quiet"};
  if (isLocalReference(reference)) {
    command.push_back(reference);
  } else {
    const std::string remote = reference.starts_with("docker://") ? reference.substr(9) : reference;
    if (!isRemoteReference(remote))
      throw Error(Errc::invalidArgument,
                  "\"" + base::printable(reference) +
                      "\" is no image reference: it is HOST/NAME:TAG, HOST/NAME@sha256:…, oci:FOLDER or "
                      "oci-archive:FILE");
    if (isLoopback(remote)) command.emplace_back("--src-tls-verify=false");
    command.push_back("docker://" + remote);
  }
  command.push_back("oci:" + layout.string() + ":image");
  return command;
}

/// The text of skopeo's last line: time="…" level=fatal msg="…".
std::string lastWords(const std::string& log) {
  std::string last;
  for (const auto& line : base::split(log, '\n'))
    if (!line.empty()) last = line;
  if (const auto at = last.find("msg=\""); at != std::string::npos) {
    last = last.substr(at + 5);
    if (last.ends_with('"')) last.pop_back();
  }
  std::string plain;
  for (std::size_t i = 0; i < last.size(); ++i)
    if (last[i] != '\\' || i + 1 == last.size() || last[i + 1] != '"') plain += last[i];
  return base::printable(plain);
}

/// A blob of the layout, as its descriptor in `parent` has it.
class Described {
 public:
  Described(const fs::path& folder, const base::JsonObject::Ptr& descriptor)
      : mediaType_(base::jsonString(descriptor, "mediaType")),
        digest_(Digest::parse(base::jsonString(descriptor, "digest"))),
        sizeBytes_(descriptor->optValue<std::uint64_t>("size", 0)),
        file_(folder / "blobs" / "sha256" / digest_.hex()) {}

  const std::string& mediaType() const noexcept { return mediaType_; }

  base::JsonObject::Ptr document(const std::string& what) const {
    const std::string bytes = base::readFile(file_, 4u << 20);
    if (bytes.size() != sizeBytes_ || Digest::of(bytes) != digest_)
      refuse(what + " " + digest_.str() + " is not what its digest says");
    return base::parseJsonObject(bytes, what);
  }

  store::Descriptor storeIn(store::BlobStore& blobs) const {
    const base::Fd file = base::openFile(file_, O_RDONLY);
    const auto writer = blobs.create();
    std::string buffer(256u << 10, '\0');
    while (const std::size_t got = base::readSome(file, buffer.data(), buffer.size()))
      writer->write(std::string_view(buffer).substr(0, got));
    if (writer->sizeBytes() != sizeBytes_)
      refuse("the layer " + digest_.str() + " is not as long as its manifest says");
    writer->commit(digest_);
    return {mediaType_, digest_, sizeBytes_};
  }

 private:
  std::string mediaType_;
  Digest digest_;
  std::uint64_t sizeBytes_;
  fs::path file_;
};

base::JsonArray::Ptr listOf(const base::JsonObject::Ptr& json, const std::string& key) {
  const auto list = json->getArray(key);
  if (!list) refuse("its JSON has no list \"" + key + "\"");
  return list;
}

base::JsonObject::Ptr memberOf(const base::JsonObject::Ptr& json, const std::string& key) {
  const auto member = json->getObject(key);
  if (!member) refuse("its JSON has no object \"" + key + "\"");
  return member;
}

base::JsonObject::Ptr elementOf(const base::JsonArray::Ptr& list, unsigned i) {
  const auto element = list->getObject(i);
  if (!element) refuse("its JSON has a list of something else than objects");
  return element;
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
  return reference.starts_with("oci:") || reference.starts_with("oci-archive:");
}

std::vector<Layer> readOciLayout(const fs::path& folder, store::BlobStore& blobs) {
  const auto index = base::parseJsonObject(base::readFile(folder / "index.json", 4u << 20), "index.json");
  const auto images = listOf(index, "manifests");
  if (images->size() != 1) refuse("the layout holds " + std::to_string(images->size()) + " images");
  const auto manifest = Described(folder, elementOf(images, 0)).document("the manifest");
  const auto config = Described(folder, memberOf(manifest, "config")).document("the config");
  const std::string built = base::jsonString(config, "architecture");
  if (built != architecture())
    refuse("it is made for " + base::printable(built) + ", and this machine is " + architecture());
  const auto diffIds = listOf(memberOf(config, "rootfs"), "diff_ids");
  const auto list = listOf(manifest, "layers");
  if (list->size() == 0 || list->size() > kMaxLayers || list->size() != diffIds->size())
    refuse("it has " + std::to_string(list->size()) + " layers and " + std::to_string(diffIds->size()) +
           " diff ids");
  std::vector<Layer> layers;
  for (unsigned i = 0; i < list->size(); ++i) {
    const Described described(folder, elementOf(list, i));
    if (std::find(kLayerTypes.begin(), kLayerTypes.end(), described.mediaType()) == kLayerTypes.end())
      refuse("layers of the type " + base::printable(described.mediaType()) + " are not read here");
    layers.push_back({described.storeIn(blobs), Digest::parse(diffIds->getElement<std::string>(i))});
  }
  return layers;
}

std::vector<Layer> importImage(const ImportInput& input, store::BlobStore& blobs, std::stop_token stop) {
  if (!base::findProgram("skopeo"))
    throw Error(Errc::unavailable, "skopeo is not installed; install Debian's package skopeo");
  const WorkFolder work(input.workFolder);
  const fs::path layout = work.path() / "layout";
  const auto copied = base::runCommand(copyCommand(input.reference, layout),
                                       {.timeout = kCopyTimeout, .stop = std::move(stop)});
  if (!copied.status.ok())
    throw Error(Errc::unavailable,
                "the image " + base::printable(input.reference) +
                    " could not be copied; check its name and its tag: " + lastWords(copied.err));
  std::vector<Layer> layers = readOciLayout(layout, blobs);
  layers.push_back(appFolderLayer(blobs, work.path()));
  return layers;
}

}  // namespace registry
