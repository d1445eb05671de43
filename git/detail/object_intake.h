// What happens to each object of a pack when its bytes are known.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "git/detail/fsck_report.h"
#include "git/detail/hash_object.h"
#include "git/detail/incoming_entries.h"
#include "git/detail/link_table.h"
#include "git/detail/object_check.h"
#include "git/memory_budget.h"
#include "git/object_source.h"

namespace git::detail {

/// A blob that some tree gave a meaning to.
struct SpecialBlob {
  bool gitmodules = false;
  bool gitattributes = false;
  bool checked = false;
};

/// What all threads that take objects in share.
class ObjectIntake {
 public:
  struct Parts {
    const ObjectSource& existing;
    const FsckPolicy& policy;
    const std::unordered_set<ObjectId>& shallow;
    IncomingEntries& entries;
    const std::shared_ptr<const PackSnapshot>& outside;  ///< see PackReceiverOptions
  };
  explicit ObjectIntake(const Parts& parts);

  IncomingEntries& entries() noexcept { return parts_.entries; }
  LinkTable& links() noexcept { return links_; }
  const LinkTable& links() const noexcept { return links_; }
  FsckReport& report() noexcept { return report_; }

  /// Checks the special blobs that came before the trees that name them, or did not come at all. `read` gets
  /// the content of an entry of the pack; on one thread, when all else is resolved and sorted. With `outside`
  /// those that did not come are left to checkOutsideBlobs().
  void checkSpecialBlobs(const std::function<std::string(std::uint32_t entry)>& read);
  /// The others, which the pusher is known to be able to read.
  void checkOutsideBlobs();
  /// Compares the large objects whose names the repository has already: `read` as above, with memory for
  /// both contents from the budget. Throws invalidArgument for a collision.
  void compareTwins(const std::function<std::string(std::uint32_t entry)>& read, MemoryBudget& memory,
                    const std::stop_token& stop);

 private:
  friend class IntakeWorker;
  void noteSpecialBlob(const ObjectId& id, FsckMessage whenMissing);
  void noteTwin(std::uint32_t entry);
  /// Checks it if a tree has named it.
  void checkIfSpecial(const ObjectId& id, std::string_view bytes);
  void checkSpecial(const ObjectId& id, const SpecialBlob& special, std::string_view bytes);
  void checkLeftSpecial(const ObjectId& id, const SpecialBlob& special,
                        const std::function<std::string(std::uint32_t entry)>& read);
  void checkOutsideSpecial(const ObjectId& id, const SpecialBlob& special,
                           const std::optional<ObjectHeader>& header);
  /// Else it is reported.
  bool isReadable(const ObjectId& id, const SpecialBlob& special, const std::optional<ObjectHeader>& header);

  Parts parts_;
  FsckReport report_;
  LinkTable links_;
  std::mutex mutex_;
  std::unordered_map<ObjectId, SpecialBlob> special_;
  std::atomic<bool> anySpecial_ = false;
  std::vector<std::uint32_t> twins_;
};

/// One thread's part: names objects by their content, compares them with what the repository has under that
/// name (large ones later), checks them and notes their links.
class IntakeWorker : private LinkSink {
 public:
  explicit IntakeWorker(ObjectIntake& intake);
  /// The object's name, which the caller notes among the entries. Throws invalidArgument: a fault that the
  /// policy refuses, a collision.
  ObjectId take(std::uint32_t entry, ObjectType type, std::string_view bytes);

  /// For a blob too large to be held whole: start, its bytes in pieces, end.
  void startBlob(std::uint64_t size);
  void addToBlob(std::string_view bytes);
  ObjectId endBlob(std::uint32_t entry, std::uint64_t size);

 private:
  void link(const std::uint8_t* id, ObjectType type) override;
  void specialBlob(const std::uint8_t* id, FsckMessage whenMissing) override;
  void compareWithExisting(std::uint32_t entry, const ObjectId& id, ObjectType type, std::string_view bytes);
  /// False when the repository has no such object; throws when its is of another kind.
  bool hasTwin(const ObjectId& id, const ObjectHeader& header) const;

  ObjectIntake& intake_;
  Hasher hasher_;
  RecentLinks recent_;
  std::uint32_t current_ = kNoEntry;
  bool parentsMayLack_ = false;
};

}  // namespace git::detail
