// pack_bench FOLDER FILE: packs the folder as a slug is packed (deterministic tar, gzip level 6 on all cores)
// into the file.
#include <fcntl.h>

#include <cstdio>
#include <exception>

#include "base/archive.h"
#include "base/fd.h"
#include "base/gzip.h"

namespace {

class FileSink : public base::ByteSink {
 public:
  explicit FileSink(const char* path) : fd_(base::openFile(path, O_WRONLY | O_CREAT | O_TRUNC, 0644)) {}
  void write(std::string_view bytes) override { base::writeAll(fd_, bytes); }

 private:
  base::Fd fd_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: pack_bench FOLDER FILE\n", stderr);
    return 2;
  }
  try {
    FileSink file(argv[2]);
    base::GzipWriter gzip(file);
    base::packTree(argv[1], {}, gzip);
    gzip.finish();
    return 0;
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "pack_bench: %s\n", failure.what());
    return 1;
  }
}
