// pack_bench FOLDER STORE: packs the folder into the blob store as a build's slug is packed (planned, hashed,
// compressed, stored), twice: as it is, and after one small file has changed. Prints for each the seconds,
// the bytes of the slug, the bytes that are new, and the peak memory in MiB.
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <exception>
#include <fstream>

#include "base/tree_contents.h"
#include "builder/detail/slug_packer.h"
#include "store/blob_store.h"
#include "store/release_store.h"

namespace {

void pack(const std::filesystem::path& folder, store::BlobStore& blobs, store::LayerIndex& index) {
  const auto start = std::chrono::steady_clock::now();
  constexpr std::uint64_t kMaxBytes = 1ull << 40;
  const auto packed = builder::detail::SlugPacker(blobs, index, {.maxBytes = kMaxBytes}, {})
                          .pack(folder, builder::detail::planSlug(base::readTree(folder, {}).entries, {}));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  std::printf("%.4f %ju %ju %ld\n", took.count(), static_cast<std::uintmax_t>(packed.bytes),
              static_cast<std::uintmax_t>(packed.newBytes), used.ru_maxrss / 1024);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: pack_bench FOLDER STORE\n", stderr);
    return 2;
  }
  try {
    const std::filesystem::path folder = argv[1];
    const std::filesystem::path storage = argv[2];
    std::filesystem::create_directories(storage);
    store::DiskBlobStore blobs(storage / "blobs");
    const base::SystemClock clock;
    store::ReleaseStore index(storage / "db", clock);
    const auto code = folder / "server.js";
    std::ofstream(code) << "first\n";
    pack(folder, blobs, index);
    std::ofstream(code) << "second\n";
    pack(folder, blobs, index);
    return 0;
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "pack_bench: %s\n", failure.what());
    return 1;
  }
}
