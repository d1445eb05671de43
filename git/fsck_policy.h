// Which faults of an object refuse it, by the message ids of git fsck. (git-fsck, "FSCK MESSAGES".)
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <unordered_set>

#include "git/object_id.h"

namespace git {

enum class Severity : std::uint8_t { ignore, warn, error };

/// Message ids; fsckMessageName() has git's spelling of each ("hasDotgit").
enum class FsckMessage : std::uint8_t {
  // Fatal: an object that has one of these cannot be read any further.
  nulInHeader,
  unterminatedHeader,
  // Errors.
  badDate,
  badDateOverflow,
  badEmail,
  badName,
  badObjectSha1,
  badParentSha1,
  badTimezone,
  badTree,
  badTreeSha1,
  badType,
  duplicateEntries,
  missingAuthor,
  missingCommitter,
  missingEmail,
  missingNameBeforeEmail,
  missingObject,
  missingSpaceBeforeDate,
  missingSpaceBeforeEmail,
  missingTag,
  missingTagEntry,
  missingTree,
  missingType,
  missingTypeEntry,
  multipleAuthors,
  treeNotSorted,
  unknownType,
  zeroPaddedDate,
  gitmodulesMissing,
  gitmodulesBlob,
  gitmodulesLarge,
  gitmodulesName,
  gitmodulesSymlink,
  gitmodulesUrl,
  gitmodulesPath,
  gitmodulesUpdate,
  gitattributesMissing,
  gitattributesLarge,
  gitattributesLineLength,
  gitattributesBlob,
  // Warnings of git fsck.
  emptyName,
  fullPathname,
  hasDot,
  hasDotdot,
  hasDotgit,
  largePathname,
  nullSha1,
  nulInCommit,
  zeroPaddedFilemode,
  // Notes of git fsck, only warned of when it is strict.
  badFilemode,
  gitmodulesParse,
  gitignoreSymlink,
  gitattributesSymlink,
  mailmapSymlink,
  badTagName,
  missingTaggerEntry,
  extraHeaderEntry,
  count
};

/// A value. The default refuses what can harm whoever checks the objects out or parses them, and warns of the
/// oddities that real old histories have.
class FsckPolicy {
 public:
  enum class Preset : std::uint8_t {
    off,         ///< nothing is checked but that links can be followed: git without receive.fsckObjects
    strict,      ///< as git with receive.fsckObjects: what git fsck warns of refuses too
    deployable,  ///< Fairlead's own
  };
  explicit FsckPolicy(Preset preset = Preset::deployable);

  bool enabled() const noexcept { return enabled_; }
  Severity severity(FsckMessage message) const noexcept {
    return severities_[static_cast<std::size_t>(message)];
  }
  bool skips(const ObjectId& id) const { return skipped_.contains(id); }

  /// For the settings receive.fsck.ID = ignore, warn or error; ids in any case. False when there is no such
  /// id (git warns: "skipping unknown msg id"). Throws invalidArgument for another word, and when a fatal id
  /// is to be less than an error.
  bool set(std::string_view id, std::string_view severity);
  /// The text of a receive.fsck.skipList file: one id a line, "#" starts a comment; throws invalidArgument.
  void skip(ObjectFormat format, std::string_view listText);

 private:
  bool enabled_;
  std::array<Severity, static_cast<std::size_t>(FsckMessage::count)> severities_{};
  std::unordered_set<ObjectId> skipped_;
};

/// "hasDotgit".
std::string_view fsckMessageName(FsckMessage message) noexcept;

}  // namespace git
