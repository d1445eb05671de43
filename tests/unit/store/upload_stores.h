// The stores that an upload goes through, in a folder that may hold an earlier one's state.
#pragma once

#include <filesystem>
#include <string>

#include "store/upload_store.h"
#include "tests/support/fake_clock.h"

namespace store {

struct UploadStores {
  explicit UploadStores(const std::filesystem::path& folder)
      : releases(folder / "fairlead.db", clock),
        blobs(folder / "blobs"),
        uploads(rows, blobs, folder / "blobs/sessions", clock) {}

  /// Of a blob, and at most one byte more than `size`.
  std::string contentOf(const Digest& digest, std::size_t size) const {
    std::string bytes(size + 1, '\0');
    const auto source = blobs.open(digest);
    std::size_t filled = 0;
    while (const std::size_t count = source->read(bytes.data() + filled, bytes.size() - filled))
      filled += count;
    return bytes.substr(0, filled);
  }

  test::FakeClock clock;
  ReleaseStore releases;
  RegistryStore rows{releases};
  DiskBlobStore blobs;
  UploadStore uploads;
};

}  // namespace store
