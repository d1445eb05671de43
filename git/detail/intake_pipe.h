// The second half of receiving a pack: what is read goes down a pipe to be named, checked and written.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "git/detail/entry_reader.h"
#include "git/detail/hash_object.h"
#include "git/detail/incoming_file.h"
#include "git/detail/object_intake.h"
#include "git/detail/unpack_time.h"
#include "git/memory_budget.h"

namespace git::detail {

/// Takes the pack's bytes, hashes them and writes them to the file; takes whole objects and hands them to the
/// intake. All of it in order. A small pack is done on the caller's thread at once; once it grows, on a
/// second thread, while the caller inflates on: a few batches of at most 1 MiB are under way. What the second
/// thread throws comes out of one of the caller's next calls. One thread at a time; whoever else uses the
/// intake, the entries' ids or the file calls settle() first.
class IntakePipe {
 public:
  struct Parts {
    ObjectIntake& intake;
    IncomingFile& file;
    UnpackTime& time;  ///< what the second thread uses; the caller's is the caller's business
    bool mayUseThread;
  };
  explicit IntakePipe(const Parts& parts);
  ~IntakePipe();
  IntakePipe(const IntakePipe&) = delete;
  IntakePipe& operator=(const IntakePipe&) = delete;

  /// Objects up to this size may be put into room().
  static constexpr std::size_t kMostRoom = 256u << 10;
  /// Where the next object's bytes may be put; valid until the next call.
  char* room(std::size_t size);
  /// The last room's `size` bytes are that object.
  void object(std::uint32_t entry, ObjectType type, std::size_t size);

  /// An object with a place and a share of memory of its own.
  struct OwnObject {
    std::uint32_t entry = 0;
    ObjectType type = ObjectType::blob;
    std::string bytes;
    MemoryBudget::Share share;
  };
  void object(OwnObject object);

  /// A blob that nobody holds whole: start, its pieces in room() of at most kMostRoom, end.
  void startBlob(std::uint64_t size);
  void addToBlob(std::size_t size);
  void endBlob(std::uint32_t entry, std::uint64_t size);

  /// The pack's next bytes.
  void raw(std::string_view bytes);
  /// Waits until all is done, and returns the hash over all raw bytes.
  ObjectId settle();

 private:
  enum class Kind : std::uint8_t { object, blobStart, blobPiece, blobEnd };
  struct Item {
    Kind kind;
    ObjectType type;
    std::uint32_t entry;
    std::uint64_t size;
    ObjectId id{};  // once it is known
  };
  struct Batch {
    Buffer plain;
    std::size_t used = 0;
    std::string raw;
    std::vector<Item> items;
    std::optional<OwnObject> own;
  };
  void add(const Item& item);
  void handOver();
  void process(Batch& batch);
  void take(Batch& batch);
  void work(const std::stop_token& stop);
  std::unique_ptr<Batch> finished(std::unique_lock<std::mutex>& lock);
  void noteIds(Batch& batch);

  Parts parts_;
  std::uint64_t rawBytes_ = 0;
  std::unique_ptr<Batch> batch_ = std::make_unique<Batch>();  // being filled
  PackHasher packHasher_;                                     // these two belong to whoever processes
  IntakeWorker worker_;

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<std::unique_ptr<Batch>> waiting_;
  std::deque<std::unique_ptr<Batch>> done_;
  std::size_t underWay_ = 0;  // handed over and not taken back
  std::exception_ptr failure_;
  std::jthread thread_;  // the last, since it uses all of the above
};

}  // namespace git::detail
