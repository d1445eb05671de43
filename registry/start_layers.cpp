#include "registry/start_layers.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/archive.h"
#include "base/atomic_file.h"
#include "base/error.h"
#include "base/fd.h"
#include "store/layer_writer.h"

namespace registry {

const std::vector<std::pair<std::string_view, std::string_view>>& startScript();  // made by cmake/embed.cmake

namespace {

namespace fs = std::filesystem;
using store::Layer;

constexpr std::size_t kMaxTypeName = 63;
constexpr std::size_t kMaxKnown = 1024;

/// A folder of its own that goes with it.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string name = (fs::temp_directory_path() / "fairlead-start-XXXXXX").string();
    if (!::mkdtemp(name.data())) base::throwErrno(errno, "making a temporary folder");
    path_ = name;
  }
  ~ScratchFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const fs::path& path() const noexcept { return path_; }

 private:
  fs::path path_;
};

/// The umask must not reach the layer: the same types give the same bytes on every machine.
void setMode(const fs::path& path, mode_t mode) {
  if (::chmod(path.c_str(), mode) != 0) base::throwErrno(errno, "making the start layer");
}

void writeFile(const fs::path& path, std::string_view bytes, mode_t mode) {
  const base::Fd fd = base::openFile(path, O_WRONLY | O_CREAT | O_EXCL);
  base::writeAll(fd, bytes);
  setMode(path, mode);
}

bool isTypeName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxTypeName && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

Layer pack(store::BlobStore& blobs, const store::ProcessTypes& types) {
  const ScratchFolder folder;
  setMode(folder.path(), 0755);
  writeFile(folder.path() / "start", startScript().front().second, 0755);
  const fs::path typesFolder = folder.path() / "types";
  fs::create_directory(typesFolder);
  setMode(typesFolder, 0755);
  for (const auto& [type, command] : types) {
    // A type becomes a file's name.
    if (!isTypeName(type)) {
      throw base::Error(
          base::Errc::invalidArgument,
          "A process type's name is 1 to 63 letters, digits, '-' and '_'; rename it in the Procfile");
    }
    writeFile(typesFolder / type, command, 0644);
  }
  store::LayerWriter layer(blobs);
  base::packTree(folder.path(), {.prefix = "./fairlead"}, layer);
  return layer.commit();
}

}  // namespace

Layer StartLayers::get(const store::ProcessTypes& types) {
  std::optional<Layer> known;
  {
    const std::lock_guard lock(mutex_);
    const auto found = known_.find(types);
    if (found != known_.end()) known = found->second;
  }
  // Asking for the size also keeps a collection from it until the caller's row names it.
  if (known && blobs_.size(known->blob.digest) == known->blob.sizeBytes) return *known;
  Layer layer = pack(blobs_, types);
  const std::lock_guard lock(mutex_);
  if (known_.size() >= kMaxKnown) known_.clear();
  known_.insert_or_assign(types, layer);
  return layer;
}

}  // namespace registry
