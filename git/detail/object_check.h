// git fsck's checks of one object. (git-fsck, "FSCK MESSAGES".)
#pragma once

#include <cstdint>
#include <string_view>

#include "git/detail/fsck_report.h"
#include "git/detail/tree_reader.h"
#include "git/object_id.h"

namespace git::detail {

/// What the checks meet on their way. One thread at a time.
class LinkSink {
 public:
  virtual ~LinkSink() = default;
  /// The object names another one, of this type. `id` is valid for the call.
  virtual void link(const std::uint8_t* id, ObjectType type) = 0;
  /// A tree has an entry that git reads as .gitmodules or .gitattributes.
  virtual void specialBlob(const std::uint8_t* id, FsckMessage whenMissing) = 0;
};

/// Each reads the object once, tells `sink` its links and reports what is wrong with it. With a policy that
/// is off only what has no readable links is refused. Throws invalidArgument.
void checkTree(const ObjectId& id, std::string_view bytes, FsckReport& report, LinkSink& sink);
void checkCommit(const ObjectId& id, std::string_view bytes, FsckReport& report, LinkSink& sink);
void checkTag(const ObjectId& id, std::string_view bytes, FsckReport& report, LinkSink& sink);

/// The content of a blob that some tree calls .gitmodules or .gitattributes. (CVE-2018-11235, CVE-2018-17456,
/// CVE-2019-1387, CVE-2020-11008, CVE-2022-23521, CVE-2025-48384.)
void checkGitmodules(const ObjectId& id, std::string_view bytes, FsckReport& report);
void checkGitattributes(const ObjectId& id, std::string_view bytes, FsckReport& report);

/// A .gitattributes of more bytes is not read by git.
constexpr std::uint64_t kMaxGitattributes = std::uint64_t{100} << 20;
/// A .gitmodules of more bytes is refused unread.
constexpr std::uint64_t kMaxGitmodules = std::uint64_t{16} << 20;

}  // namespace git::detail
