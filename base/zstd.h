// Zstandard writing on several cores.
#pragma once

#include "base/block_writer.h"

namespace base {

struct ZstdOptions {
  int level = 3;         ///< 1..19
  unsigned threads = 0;  ///< 0 = number of cores
};

/// One frame per 2 MiB of input (RFC 8878 section 3.1 allows several), each compressed by itself: see
/// BlockWriter. Throws invalidArgument for a level that does not exist.
class ZstdWriter : public BlockWriter {
 public:
  ZstdWriter(ByteSink& out, ZstdOptions options = {});
};

}  // namespace base
