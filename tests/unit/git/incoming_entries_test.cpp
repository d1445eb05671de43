#include "git/detail/incoming_entries.h"

#include <gmock/gmock.h>

#include "base/error.h"

namespace git::detail {
namespace {

/// Nobody can make two objects of one name, but what would become of them can be seen here: whatever they
/// are, a pack holds a name once.
TEST(IncomingEntries, TwoObjectsOfOneNameAreRefusedWhateverTheyAre) {
  for (const ObjectFormat format : {ObjectFormat::sha1, ObjectFormat::sha256}) {
    const std::string raw(idSize(format), '\x11');
    const ObjectId id(format, raw.data());
    for (const auto& [type, size] : {std::pair{ObjectType::blob, 5u}, std::pair{ObjectType::blob, 6u},
                                     std::pair{ObjectType::commit, 5u}}) {
      IncomingEntries entries(format);
      entries.resolve(entries.add({.offset = 12, .size = 5}), ObjectType::blob, id);
      entries.resolve(entries.add({.offset = 40, .size = 0}), ObjectType::tree, ObjectId::null(format));
      entries.resolve(entries.add({.offset = 60, .size = size}), type, id);
      try {
        entries.sortById();
        ADD_FAILURE() << "taken";
      } catch (const base::Error& error) {
        EXPECT_EQ(error.code(), base::Errc::invalidArgument);
        EXPECT_THAT(error.what(), ::testing::HasSubstr(id.hex() + " appears twice"));
      }
    }
  }
}

}  // namespace
}  // namespace git::detail
