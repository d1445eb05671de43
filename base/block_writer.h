// Compression of blocks on several cores.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/byte_sink.h"

namespace base {

struct BlockWriterOptions {
  std::size_t blockBytes = 1u << 20;
  unsigned threads = 0;    ///< 0 = number of cores
  std::string threadName;  ///< of at most 12 bytes
};

/// Cuts what is written into blocks, compresses each by itself and passes them on in order: for formats in
/// which compressed pieces one behind the other are one whole. The output depends on the input only, never on
/// threads or write sizes. Memory: about 4 blocks per thread. `out` is called on the caller's thread only.
/// finish() once; without it the stream is abandoned.
class BlockWriter : public ByteSink {
 public:
  /// One block, whole. Belongs to one thread.
  using Compress = std::function<std::string(std::string_view block)>;
  BlockWriter(ByteSink& out, std::function<Compress()> makeCompress, BlockWriterOptions options);
  ~BlockWriter() override;
  void write(std::string_view bytes) override;
  /// Nothing at all still is one compressed block: no bytes would not be of the format.
  void finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace base
