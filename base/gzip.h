// Gzip writing on several cores.
#pragma once

#include "base/block_writer.h"

namespace base {

struct GzipOptions {
  int level = 6;         ///< 1..12 (libdeflate)
  unsigned threads = 0;  ///< 0 = number of cores
};

/// One member per MiB of input (RFC 1952 section 2.2 allows several), each compressed by itself: see
/// BlockWriter. No name, mtime 0. Throws invalidArgument for a level that does not exist.
class GzipWriter : public BlockWriter {
 public:
  GzipWriter(ByteSink& out, GzipOptions options = {});
};

}  // namespace base
