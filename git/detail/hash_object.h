// The name of an object: the hash of its header and content. (gitformat: "Object storage format".)
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "git/object_id.h"

namespace git::detail {

/// A hash in a repository's format over any bytes. One thread at a time.
class Hasher {
 public:
  explicit Hasher(ObjectFormat format);
  ~Hasher();
  Hasher(const Hasher&) = delete;
  Hasher& operator=(const Hasher&) = delete;

  /// Forgets what came before.
  void restart();
  /// restart() with the header of an object of this type and size.
  void startObject(ObjectType type, std::uint64_t size);
  void update(std::string_view bytes);
  /// Once after each start. Throws invalidArgument for input that was made to collide.
  ObjectId finish();
  /// The whole of an object at once.
  ObjectId object(ObjectType type, std::string_view bytes);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The hash over a pack's own bytes, which protects against accidents only: no look-out for attacks.
class PackHasher {
 public:
  explicit PackHasher(ObjectFormat format);
  ~PackHasher();
  PackHasher(const PackHasher&) = delete;
  PackHasher& operator=(const PackHasher&) = delete;
  void update(std::string_view bytes);
  /// Of what came until now; more may follow.
  ObjectId current() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace git::detail
