// Reading refs: loose files over packed-refs, symbolic ones, HEAD. (gitrepository-layout.)
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "git/object_id.h"
#include "git/object_source.h"
#include "git/repository.h"

namespace git {

namespace detail {
class PackedRefs;
}

/// What one ref says: an id, or the name of another ref.
struct RefValue {
  ObjectId id;
  std::string target;  ///< of a symbolic ref; else empty
  bool isSymbolic() const noexcept { return !target.empty(); }
};

struct Ref {
  std::string name;
  ObjectId id;         ///< what it says in the end
  std::string target;  ///< the ref that a symbolic one names; else empty
  /// What an annotated tag points to in the end, when packed-refs knows.
  std::optional<ObjectId> peeled;
  /// Whether packed-refs knows: then no `peeled` means that it is no tag.
  bool peelKnown = false;
};

/// HEAD. Unborn: a target and no id. Detached: an id and no target.
struct Head {
  std::string target;
  std::optional<ObjectId> id;
};

/// Reads refs as they are on disk at each call; of packed-refs the last version is kept. One thread at a
/// time. Throws corrupt for a ref's file that is none, invalidArgument for what is no ref name, io.
class RefStore {
 public:
  explicit RefStore(Repository repository);
  ~RefStore();
  RefStore(const RefStore&) = delete;
  RefStore& operator=(const RefStore&) = delete;
  const Repository& repository() const noexcept { return repository_; }

  /// Refs whose names begin with `prefix` ("refs/" or longer), by name; those that say nothing valid are left
  /// out, as git does. The objects need not exist.
  std::vector<Ref> list(std::string_view prefix = "refs/") const;
  /// One step: what the ref itself says. nullopt when there is no such ref.
  std::optional<RefValue> read(const std::string& name) const;
  /// Through symbolic refs to the id. nullopt when it, or what it points to, does not exist.
  std::optional<ObjectId> resolve(const std::string& name) const;
  /// The name at the end of the symbolic refs, whether it exists or not; `name` itself when it is not
  /// symbolic.
  std::string resolveName(const std::string& name) const;
  Head head() const;

  /// packed-refs as it is now; valid until the next call of anything.
  const detail::PackedRefs& packed() const;

 private:
  std::optional<RefValue> readLoose(const std::string& name) const;

  Repository repository_;
  mutable std::unique_ptr<detail::PackedRefs> packed_;
};

/// What the tag `id` points to in the end; nullopt when it is no tag or leads nowhere.
std::optional<ObjectId> peelTag(const ObjectSource& objects, const ObjectId& id);
/// The ref's peeled value, from packed-refs or from the objects.
std::optional<ObjectId> peel(const ObjectSource& objects, const Ref& ref);

}  // namespace git
