// Gzip writing on several cores.
#pragma once

#include <memory>

#include "base/byte_sink.h"

namespace base {

struct GzipOptions {
  int level = 6;         ///< 1..12 (libdeflate)
  unsigned threads = 0;  ///< 0 = number of cores
};

/// Compresses what is written and passes it on to `out` as gzip: one member per MiB of input (RFC 1952
/// section 2.2 allows several), so that blocks compress in parallel and the output depends only on the input
/// and the level, never on threads or write sizes. No name, mtime 0. Memory: about 4 MiB per thread. `out` is
/// called on the caller's thread only. finish() once; without it the stream is abandoned.
class GzipWriter : public ByteSink {
 public:
  GzipWriter(ByteSink& out, GzipOptions options = {});
  ~GzipWriter() override;
  void write(std::string_view bytes) override;
  void finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace base
