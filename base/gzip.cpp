#include "base/gzip.h"

#include <libdeflate.h>
#include <pthread.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/c_handle.h"
#include "base/error.h"

namespace base {
namespace {

using Compressor = CHandle<libdeflate_compressor, &libdeflate_free_compressor>;

constexpr std::size_t kBlockBytes = 1 << 20;
constexpr std::size_t kBlocksPerThread = 2;

struct Block {
  std::string plain;
  std::string packed;
  std::exception_ptr failure;
  bool done = false;
};

void compress(libdeflate_compressor* compressor, Block& block) {
  block.packed.resize(libdeflate_gzip_compress_bound(compressor, block.plain.size()));
  const std::size_t size = libdeflate_gzip_compress(compressor, block.plain.data(), block.plain.size(),
                                                    block.packed.data(), block.packed.size());
  if (size == 0) throw Error(Errc::internal, "gzip: a block does not fit its own bound");
  block.packed.resize(size);
}

Compressor makeCompressor(int level) {
  Compressor compressor(libdeflate_alloc_compressor(level));
  if (!compressor) throw Error(Errc::internal, "gzip: no memory for a compressor");
  return compressor;
}

}  // namespace

/// `blocks` holds what is under way, in the order of the input: the caller adds at the back and takes
/// finished ones from the front, workers take the first that nobody has begun. A deque's elements stay where
/// they are while its ends move.
struct GzipWriter::State {
  State(ByteSink& sink, int blockLevel, unsigned threads)
      : out(sink), level(blockLevel), maxThreads(threads) {
    next.reserve(kBlockBytes);
  }

  ~State() {
    {
      const std::lock_guard lock(mutex);
      stopping = true;
    }
    changed.notify_all();
    for (auto& thread : workers)
      thread.join();
  }

  void work(const Compressor& compressor) {
    std::unique_lock lock(mutex);
    for (;;) {
      changed.wait(lock, [&] { return stopping || begun < blocks.size(); });
      if (stopping) return;
      Block& block = blocks[begun++];
      lock.unlock();
      try {
        compress(compressor.get(), block);
      } catch (...) {
        block.failure = std::current_exception();
      }
      lock.lock();
      block.done = true;
      changed.notify_all();
    }
  }

  void addWorker() {
    workers.emplace_back([this, number = workers.size(), compressor = makeCompressor(level)] {
      ::pthread_setname_np(::pthread_self(), ("gzip-" + std::to_string(number)).c_str());
      work(compressor);
    });
  }

  /// Hands `next` to the workers; first makes room by passing on the oldest block.
  void submit() {
    if (blocks.size() >= maxThreads * kBlocksPerThread) passOn();
    if (workers.size() < maxThreads && workers.size() <= blocks.size()) addWorker();
    {
      const std::lock_guard lock(mutex);
      blocks.emplace_back().plain = std::move(next);
    }
    changed.notify_all();
    next = std::move(spare);
    next.clear();
    next.reserve(kBlockBytes);
    submitted = true;
  }

  /// Waits for the oldest block and gives it to `out`, without the lock.
  void passOn() {
    Block block;
    {
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return blocks.front().done; });
      block = std::move(blocks.front());
      blocks.pop_front();
      --begun;
    }
    if (block.failure) std::rethrow_exception(block.failure);
    spare = std::move(block.plain);
    out.write(block.packed);
  }

  ByteSink& out;
  const int level;
  const unsigned maxThreads;
  std::string next;   // the block being filled; this and the two below belong to the caller's thread
  std::string spare;  // memory for the next one
  bool submitted = false;
  std::vector<std::thread> workers;
  std::mutex mutex;  // guards what is below
  std::condition_variable changed;
  std::deque<Block> blocks;
  std::size_t begun = 0;  // how many of `blocks` have a worker
  bool stopping = false;
};

GzipWriter::GzipWriter(ByteSink& out, GzipOptions options) {
  constexpr int kMaxLevel = 12;
  if (options.level < 1 || options.level > kMaxLevel) {
    throw Error(Errc::invalidArgument, "gzip: the level must be 1 to 12");
  }
  const unsigned threads =
      options.threads != 0 ? options.threads : std::max(1u, std::thread::hardware_concurrency());
  state_ = std::make_unique<State>(out, options.level, threads);
}

GzipWriter::~GzipWriter() = default;

void GzipWriter::write(std::string_view bytes) {
  CHECK(state_ != nullptr);
  while (!bytes.empty()) {
    const std::size_t count = std::min(bytes.size(), kBlockBytes - state_->next.size());
    state_->next.append(bytes.substr(0, count));
    bytes.remove_prefix(count);
    if (state_->next.size() == kBlockBytes) state_->submit();
  }
}

void GzipWriter::finish() {
  CHECK(state_ != nullptr);
  // Nothing at all still is one member: no bytes would not be gzip.
  if (!state_->next.empty() || !state_->submitted) state_->submit();
  while (!state_->blocks.empty())
    state_->passOn();
  state_.reset();
}

}  // namespace base
