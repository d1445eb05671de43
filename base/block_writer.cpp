#include "base/block_writer.h"

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

#include "base/error.h"

namespace base {
namespace {

constexpr std::size_t kBlocksPerThread = 2;

struct Block {
  std::string plain;
  std::string packed;
  std::exception_ptr failure;
  bool done = false;
};

}  // namespace

/// `blocks` holds what is under way, in the order of the input: the caller adds at the back and takes
/// finished ones from the front, workers take the first that nobody has begun. A deque's elements stay where
/// they are while its ends move.
struct BlockWriter::State {
  State(ByteSink& sink, std::function<Compress()> maker, BlockWriterOptions with)
      : out(sink), makeCompress(std::move(maker)), options(std::move(with)) {
    next.reserve(options.blockBytes);
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

  void work(const Compress& compress) {
    std::unique_lock lock(mutex);
    for (;;) {
      changed.wait(lock, [&] { return stopping || begun < blocks.size(); });
      if (stopping) return;
      Block& block = blocks[begun++];
      lock.unlock();
      try {
        block.packed = compress(block.plain);
      } catch (...) {
        block.failure = std::current_exception();
      }
      lock.lock();
      block.done = true;
      changed.notify_all();
    }
  }

  void addWorker() {
    workers.emplace_back([this, number = workers.size(), compress = makeCompress()] {
      ::pthread_setname_np(::pthread_self(), (options.threadName + "-" + std::to_string(number)).c_str());
      work(compress);
    });
  }

  /// Hands `next` to the workers; first makes room by passing on the oldest block.
  void submit() {
    if (blocks.size() >= options.threads * kBlocksPerThread) passOn();
    if (workers.size() < options.threads && workers.size() <= blocks.size()) addWorker();
    {
      const std::lock_guard lock(mutex);
      blocks.emplace_back().plain = std::move(next);
    }
    changed.notify_all();
    next = std::move(spare);
    next.clear();
    next.reserve(options.blockBytes);
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
  const std::function<Compress()> makeCompress;
  const BlockWriterOptions options;
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

BlockWriter::BlockWriter(ByteSink& out, std::function<Compress()> makeCompress, BlockWriterOptions options) {
  if (options.threads == 0) options.threads = std::max(1u, std::thread::hardware_concurrency());
  state_ = std::make_unique<State>(out, std::move(makeCompress), std::move(options));
}

BlockWriter::~BlockWriter() = default;

void BlockWriter::write(std::string_view bytes) {
  CHECK(state_ != nullptr);
  while (!bytes.empty()) {
    const std::size_t blockBytes = state_->options.blockBytes;
    const std::size_t count = std::min(bytes.size(), blockBytes - state_->next.size());
    state_->next.append(bytes.substr(0, count));
    bytes.remove_prefix(count);
    if (state_->next.size() == blockBytes) state_->submit();
  }
}

void BlockWriter::finish() {
  CHECK(state_ != nullptr);
  if (!state_->next.empty() || !state_->submitted) state_->submit();
  while (!state_->blocks.empty())
    state_->passOn();
  state_.reset();
}

}  // namespace base
