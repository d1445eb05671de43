#include <algorithm>
#include <vector>

#include "base/error.h"
#include "git/detail/object_check.h"
#include "git/detail/tree_names.h"

namespace git::detail {
namespace {

constexpr std::size_t kMaxName = 4096;

/// git's order: as if a folder's name ended in '/'.
int compareEntries(const TreeEntry& a, const TreeEntry& b) {
  const std::size_t common = std::min(a.name.size(), b.name.size());
  if (const int order = a.name.substr(0, common).compare(b.name.substr(0, common)); order != 0) return order;
  const auto next = [common](const TreeEntry& entry) {
    if (common < entry.name.size()) return static_cast<int>(static_cast<unsigned char>(entry.name[common]));
    return entry.isFolder() ? static_cast<int>('/') : 0;
  };
  return next(a) - next(b);
}

/// What is wrong somewhere in the tree; reported once each, in git's order.
struct Findings {
  bool nullId = false;
  bool fullPath = false;
  bool dot = false;
  bool dotdot = false;
  bool dotgit = false;
  bool zeroPadded = false;
  bool badMode = false;
  bool large = false;
  bool duplicate = false;
  bool unsorted = false;
};

class TreeCheck {
 public:
  TreeCheck(const ObjectId& id, FsckReport& report, LinkSink& sink) : id_(id), report_(report), sink_(sink) {}

  void entry(const TreeEntry& entry) {
    const std::string_view name = entry.name;
    found_.nullId |=
        std::all_of(entry.id, entry.id + id_.size(), [](std::uint8_t byte) { return byte == 0; });
    found_.fullPath |= name.find('/') != std::string_view::npos;
    found_.dot |= name == ".";
    found_.dotdot |= name == "..";
    found_.large |= name.size() > kMaxName;
    found_.zeroPadded |= entry.zeroPadded;
    switch (entry.mode) {
      case 0100644u:
      case 0100755u:
      case 0120000u:
      case 0040000u:
      case 0160000u:
        break;
      default:
        found_.badMode = true;
    }
    if (const SpecialName special = specialName(name); special != SpecialName::none)
      specialEntry(special, entry);
    checkOrder(entry);
  }

  void finish() {
    const auto tell = [this](bool found, FsckMessage message, std::string_view text) {
      if (found) report_.add(id_, message, text);
    };
    tell(found_.nullId, FsckMessage::nullSha1, "contains entries pointing to null sha1");
    tell(found_.fullPath, FsckMessage::fullPathname, "contains full pathnames");
    tell(found_.dot, FsckMessage::hasDot, "contains '.'");
    tell(found_.dotdot, FsckMessage::hasDotdot, "contains '..'");
    tell(found_.dotgit, FsckMessage::hasDotgit, "contains '.git'");
    tell(found_.zeroPadded, FsckMessage::zeroPaddedFilemode, "contains zero-padded file modes");
    tell(found_.badMode, FsckMessage::badFilemode, "contains bad file modes");
    tell(found_.duplicate, FsckMessage::duplicateEntries, "contains duplicate file entries");
    tell(found_.unsorted, FsckMessage::treeNotSorted, "not properly sorted");
    tell(found_.large, FsckMessage::largePathname, "contains excessively large pathname");
  }

 private:
  void specialEntry(SpecialName special, const TreeEntry& entry) {
    switch (special) {
      case SpecialName::dotgit:
        found_.dotgit = true;
        break;
      case SpecialName::gitmodules:
        if (entry.isSymlink()) {
          report_.add(id_, FsckMessage::gitmodulesSymlink, ".gitmodules is a symbolic link");
        } else {
          sink_.specialBlob(entry.id, FsckMessage::gitmodulesMissing);
        }
        break;
      case SpecialName::gitattributes:
        if (entry.isSymlink()) {
          report_.add(id_, FsckMessage::gitattributesSymlink, ".gitattributes is a symlink");
        } else {
          sink_.specialBlob(entry.id, FsckMessage::gitattributesMissing);
        }
        break;
      case SpecialName::gitignore:
        if (entry.isSymlink()) report_.add(id_, FsckMessage::gitignoreSymlink, ".gitignore is a symlink");
        break;
      case SpecialName::mailmap:
        if (entry.isSymlink()) report_.add(id_, FsckMessage::mailmapSymlink, ".mailmap is a symlink");
        break;
      case SpecialName::none:
        break;
    }
  }

  void checkOrder(const TreeEntry& entry) {
    if (previous_.id != nullptr) {
      const int order = compareEntries(previous_, entry);
      found_.duplicate |= order == 0 || previous_.name == entry.name;
      found_.unsorted |= order > 0;
    }
    found_.duplicate |= repeatsAFile(entry);
    previous_ = entry;
  }

  /// A file "a" and a folder "a" need not stand side by side: "a", "a.c", "a/". files_ are those whose name
  /// the entries since then all begin with; in a sorted tree no other can be repeated.
  bool repeatsAFile(const TreeEntry& entry) {
    while (!files_.empty() && !entry.name.starts_with(files_.back()))
      files_.pop_back();
    if (entry.isFolder()) return !files_.empty() && files_.back() == entry.name;
    files_.push_back(entry.name);
    return false;
  }

  const ObjectId& id_;
  FsckReport& report_;
  LinkSink& sink_;
  Findings found_;
  TreeEntry previous_;
  std::vector<std::string_view> files_;
};

}  // namespace

void checkTree(const ObjectId& id, std::string_view bytes, FsckReport& report, LinkSink& sink) {
  TreeReader reader(id.format(), bytes);
  const bool enabled = report.policy().enabled() && !report.policy().skips(id);
  TreeCheck check(id, report, sink);
  while (const auto entry = reader.next()) {
    if (!entry->isGitlink()) sink.link(entry->id, entry->isFolder() ? ObjectType::tree : ObjectType::blob);
    if (enabled) check.entry(*entry);
  }
  if (reader.malformed()) {
    throw base::Error(base::Errc::invalidArgument,
                      "object " + id.hex() + ": badTree: cannot be parsed as a tree" +
                          (reader.emptyName() ? " (emptyName: contains empty pathname)" : ""));
  }
  if (enabled) check.finish();
}

}  // namespace git::detail
