#include "git/detail/intake_pipe.h"

#include <pthread.h>

#include <algorithm>

namespace git::detail {
namespace {

constexpr std::size_t kBatchBytes = 1u << 20;
constexpr std::size_t kBatchRawBytes = 512u << 10;
constexpr std::size_t kBatchItems = 4096;
// Enough for the objects of most pushes.
constexpr std::size_t kFewRoom = 64u << 10;
// Batches under way, beside the one that is filled.
constexpr std::size_t kMostUnderWay = 2;
// Packs of fewer bytes are done before a thread has begun.
constexpr std::uint64_t kWorthThread = 1u << 20;

}  // namespace

IntakePipe::IntakePipe(const Parts& parts)
    : parts_(parts), packHasher_(parts.intake.entries().format()), worker_(parts.intake) {}

IntakePipe::~IntakePipe() = default;

char* IntakePipe::room(std::size_t size) {
  if (batch_->used + size > kBatchBytes) handOver();
  Buffer& plain = batch_->plain;
  if (plain.room < batch_->used + size) {
    // Nothing but the threads' batches ever holds more than one object.
    plain.room = thread_.joinable() ? kBatchBytes : batch_->used + size <= kFewRoom ? kFewRoom : kMostRoom;
    auto larger = std::make_unique_for_overwrite<char[]>(plain.room);
    std::copy_n(plain.bytes.get(), batch_->used, larger.get());
    plain.bytes = std::move(larger);
  }
  return plain.bytes.get() + batch_->used;
}

void IntakePipe::object(std::uint32_t entry, ObjectType type, std::size_t size) {
  batch_->used += size;
  add({Kind::object, type, entry, size});
}

void IntakePipe::object(OwnObject object) {
  batch_->own.emplace(std::move(object));
  // At once: whoever holds a share must not wait for a second one.
  handOver();
}

void IntakePipe::startBlob(std::uint64_t size) {
  add({Kind::blobStart, ObjectType::blob, kNoEntry, size});
}

void IntakePipe::addToBlob(std::size_t size) {
  batch_->used += size;
  add({Kind::blobPiece, ObjectType::blob, kNoEntry, size});
}

void IntakePipe::endBlob(std::uint32_t entry, std::uint64_t size) {
  add({Kind::blobEnd, ObjectType::blob, entry, size});
}

void IntakePipe::add(const Item& item) {
  batch_->items.push_back(item);
  if (!thread_.joinable() || batch_->items.size() >= kBatchItems) handOver();
}

void IntakePipe::raw(std::string_view bytes) {
  rawBytes_ += bytes.size();
  batch_->raw.append(bytes);
  if (!thread_.joinable() || batch_->raw.size() >= kBatchRawBytes) handOver();
  if (parts_.mayUseThread && rawBytes_ >= kWorthThread && !thread_.joinable()) {
    thread_ = std::jthread([this](const std::stop_token& stop) {
      ::pthread_setname_np(::pthread_self(), "pack");
      work(stop);
    });
  }
}

ObjectId IntakePipe::settle() {
  handOver();
  std::unique_lock lock(mutex_);
  while (underWay_ > 0)
    noteIds(*finished(lock));
  return packHasher_.current();
}

void IntakePipe::handOver() {
  if (!thread_.joinable()) {
    process(*batch_);
    return noteIds(*batch_);
  }
  std::unique_lock lock(mutex_);
  if (failure_) std::rethrow_exception(failure_);
  waiting_.push_back(std::move(batch_));
  ++underWay_;
  changed_.notify_all();
  if (underWay_ <= kMostUnderWay) {
    batch_ = std::make_unique<Batch>();
    return;
  }
  batch_ = finished(lock);
  lock.unlock();
  noteIds(*batch_);
}

/// Waits for a batch that is done.
std::unique_ptr<IntakePipe::Batch> IntakePipe::finished(std::unique_lock<std::mutex>& lock) {
  changed_.wait(lock, [this] { return !done_.empty() || failure_; });
  if (failure_) std::rethrow_exception(failure_);
  auto batch = std::move(done_.front());
  done_.pop_front();
  --underWay_;
  return batch;
}

/// On the caller's thread, which alone adds entries; the batch is empty then.
void IntakePipe::noteIds(Batch& batch) {
  for (const Item& item : batch.items) {
    if (item.kind == Kind::object || item.kind == Kind::blobEnd)
      parts_.intake.entries().resolve(item.entry, item.type, item.id);
  }
  batch.items.clear();
  batch.raw.clear();
  batch.used = 0;
}

void IntakePipe::work(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (changed_.wait(lock, stop, [this] { return !waiting_.empty(); })) {
    auto batch = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    std::exception_ptr failure;
    try {
      UnpackTime::Spell spell(parts_.time);
      process(*batch);
      spell.check();
    } catch (...) {
      // Handed to the calling thread, which is told by finished().
      failure = std::current_exception();
    }
    lock.lock();
    done_.push_back(std::move(batch));
    failure_ = failure;
    changed_.notify_all();
    if (failure) return;
  }
}

void IntakePipe::process(Batch& batch) {
  if (!batch.raw.empty()) {
    packHasher_.update(batch.raw);
    parts_.file.append(batch.raw);
  }
  take(batch);
  if (!batch.own) return;
  const OwnObject& own = *batch.own;
  batch.items.push_back({Kind::object, own.type, own.entry, own.bytes.size()});
  batch.items.back().id = worker_.take(own.entry, own.type, own.bytes);
  batch.own.reset();
}

void IntakePipe::take(Batch& batch) {
  const char* at = batch.plain.bytes.get();
  for (Item& item : batch.items) {
    switch (item.kind) {
      case Kind::object:
        item.id = worker_.take(item.entry, item.type, {at, item.size});
        at += item.size;
        break;
      case Kind::blobStart:
        worker_.startBlob(item.size);
        break;
      case Kind::blobPiece:
        worker_.addToBlob({at, item.size});
        at += item.size;
        break;
      case Kind::blobEnd:
        item.id = worker_.endBlob(item.entry, item.size);
        break;
    }
  }
}

}  // namespace git::detail
