#include "base/archive_source.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include "base/detail/archive_reader.h"
#include "base/detail/tree_builder.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/strings.h"

namespace base {
namespace {

namespace fs = std::filesystem;

constexpr mode_t kPlain = 0644;
constexpr mode_t kExecutable = 0755;
constexpr mode_t kRights = 0777;  // that a slug keeps

/// What differs between the two kinds of archives.
struct Kind {
  const char* name;
  const char* filesSetting;
  const char* bytesSetting;
  const char* advice;  // for a damaged one
  Errc damaged;
  bool slug;
};
constexpr Kind kSource = {"the source",       "export_max_files",
                          "export_max_bytes", "send a whole tar, plain or compressed by gzip, xz or zstd",
                          Errc::corrupt,      false};
constexpr Kind kSlug = {"the slug",
                        "slug_max_files",
                        "slug_max_expanded_bytes",
                        "send a whole tar, compressed by gzip, xz or zstd",
                        Errc::invalidArgument,
                        true};
constexpr std::string_view kSlugFolder = "app";

bool isGitFolder(std::string_view name) {
  constexpr std::string_view kName = ".git";
  return std::equal(name.begin(), name.end(), kName.begin(), kName.end(), [](char mine, char theirs) {
    return (mine >= 'A' && mine <= 'Z' ? static_cast<char>(mine - 'A' + 'a') : mine) == theirs;
  });
}

/// Ends with its stop token.
class StoppableSource : public ByteSource {
 public:
  StoppableSource(ByteSource& in, std::stop_token stop) : in_(in), stop_(std::move(stop)) {}
  std::size_t read(char* buffer, std::size_t capacity) override {
    if (stop_.stop_requested()) throw Error(Errc::cancelled, "unpacking was cancelled");
    return in_.read(buffer, capacity);
  }

 private:
  ByteSource& in_;
  const std::stop_token stop_;
};

class SourceUnpacker {
 public:
  SourceUnpacker(ByteSource& in, const fs::path& folder, const SourceRules& rules, const Kind& kind)
      : rules_(rules),
        kind_(kind),
        in_(in, rules.stop),
        reader_(in_,
                kind.slug ? detail::ArchiveReader::Format::tarToItsEnd : detail::ArchiveReader::Format::tar),
        tree_(openFile(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW),
              {.keepOwners = false, .links = detail::TreeBuilderOptions::Links::refuse}) {}

  void run() {
    while (archive_entry* entry = reader_.next()) {
      if (rules_.stop.stop_requested()) throw Error(Errc::cancelled, "unpacking was cancelled");
      if (kind_.slug && !reader_.isCompressed())
        refuse("the slug is not compressed: pack it with tar -czf slug.tgz ./app");
      if (++entries_ > rules_.maxFiles)
        throwLimit("has more than " + std::to_string(rules_.maxFiles) + " files and folders",
                   kind_.filesSetting);
      unpack(entry);
    }
    if (kind_.slug) finishSlug();
    tree_.finish();
  }
  /// True when something at the top was left out: then what is there is not all.
  bool leftOutAtTop() const noexcept { return leftOutAtTop_; }

 private:
  void unpack(archive_entry* entry) {
    const char* text = archive_entry_pathname(entry);
    if (text == nullptr || *text == '\0') refuse("has an entry without a name: pack it anew");
    auto components = componentsOf(text);
    count(entry);
    if (kind_.slug) {
      const bool isFolder =
          archive_entry_hardlink(entry) == nullptr && archive_entry_filetype(entry) == AE_IFDIR;
      if (components.empty() && isFolder) return;  // "./", which has ./app in it
      takeSlugFolder(components, text);
      hasSlugFolder_ = true;
      if (components.empty() && isFolder) return;
      if (components.empty()) refuse("has an ./app that is no folder: pack the folder app");
    }
    const std::string name = join(components, "/");
    if (components.size() > rules_.maxDepth + 1)
      throwLimit("is nested deeper than " + std::to_string(rules_.maxDepth) + " folders", "export_max_depth");
    if (kind_.slug) return make(entry, name);
    const auto git = std::find_if(components.begin(), components.end(), isGitFolder);
    if (git != components.end()) {
      leftOutAtTop_ = leftOutAtTop_ || git == components.begin();
      return;
    }
    make(entry, name);
  }

  void make(archive_entry* entry, const std::string& name) {
    if (const char* target = archive_entry_hardlink(entry)) return hardLink(name, target);
    switch (archive_entry_filetype(entry)) {
      case AE_IFREG:
        return file(entry, name);
      case AE_IFDIR:
        return tree_.folder(name, {.mode = kind_.slug ? archive_entry_perm(entry) & kRights : kExecutable});
      case AE_IFLNK:
        return symlink(entry, name);
      default:
        refuse("has a device, fifo or socket, " + printable(name) + ": leave it out");
    }
  }

  [[noreturn]] void refuse(const std::string& what) const {
    throw Error(Errc::invalidArgument, std::string(kind_.name) + " " + what);
  }
  [[noreturn]] void throwLimit(const std::string& what, const std::string& setting) const {
    refuse(what + ": make it smaller, or raise the setting " + setting);
  }

  /// Of a name that stays where it belongs.
  std::vector<std::string> componentsOf(std::string_view name) const {
    if (name.starts_with('/'))
      refuse("has the absolute name " + printable(name) + ": pack it with relative names");
    std::vector<std::string> components;
    for (auto& part : split(name, '/')) {
      if (part == "..")
        refuse("has a name that leads out of it, " + printable(name) + ": pack it without \"..\"");
      if (part.size() > NAME_MAX)
        refuse("has a name of more than 255 bytes, " + printable(part, 60) + ": shorten it");
      if (!part.empty() && part != ".") components.push_back(std::move(part));
    }
    return components;
  }

  /// What is left is the name in the folder.
  void takeSlugFolder(std::vector<std::string>& components, std::string_view name) const {
    if (components.empty() || components.front() != kSlugFolder)
      refuse("has a name that is not below ./app, " + printable(name) +
             ": pack it with tar -czf slug.tgz ./app");
    components.erase(components.begin());
  }

  void finishSlug() {
    if (!hasSlugFolder_) refuse("has no ./app: pack it with tar -czf slug.tgz ./app");
    if (!reader_.endsWithItsInput())
      throw Error(Errc::corrupt, "the archive is damaged: something stands behind its end");
  }

  void count(archive_entry* entry) {
    const std::int64_t size = archive_entry_size(entry);
    if (size < 0) throw Error(Errc::corrupt, "the archive is damaged: an entry with a negative size");
    if (static_cast<std::uint64_t>(size) > rules_.maxBytes - bytes_)
      throwLimit("is larger than " + formatBytes(rules_.maxBytes), kind_.bytesSetting);
    bytes_ += static_cast<std::uint64_t>(size);
  }

  void symlink(archive_entry* entry, const std::string& name) {
    const char* target = archive_entry_symlink(entry);
    if (target == nullptr || *target == '\0')
      refuse("has a symlink without a target, " + printable(name) + ": pack it anew");
    if (std::string_view(target).size() >= PATH_MAX)
      refuse("has a symlink with too long a target, " + printable(name) + ": shorten it");
    tree_.symlink(name, target, {});
  }

  void hardLink(const std::string& name, const char* target) {
    auto components = componentsOf(target);
    if (kind_.slug) takeSlugFolder(components, target);
    const bool leftOut = !kind_.slug && std::any_of(components.begin(), components.end(), isGitFolder);
    if (components.empty() || leftOut || !tree_.hardLink(name, join(components, "/")))
      refuse("has a hard link to a file that is not in it before, " + printable(name) + ": pack it anew");
  }

  void file(archive_entry* entry, const std::string& name) {
    const std::int64_t size = archive_entry_size(entry);
    const Fd out = tree_.file(name);
    std::int64_t written = 0;
    detail::ArchiveReader::Piece piece;
    while (reader_.read(piece)) {
      const auto length = static_cast<std::int64_t>(piece.bytes.size());
      if (piece.offset < written || piece.offset > size || length > size - piece.offset)
        throw Error(Errc::corrupt, "the archive is damaged: a file is longer than it says");
      if (piece.offset != written && ::lseek(out.get(), piece.offset, SEEK_SET) < 0)
        throwErrno(errno, "unpacking a file");
      writeAll(out, piece.bytes);
      written = piece.offset + length;
    }
    // A hole at the end has no bytes to write.
    if (written < size && ::ftruncate(out.get(), size) != 0) throwErrno(errno, "unpacking a file");
    const mode_t mode = archive_entry_perm(entry);
    const mode_t asInCheckout = (mode & S_IXUSR) != 0 ? kExecutable : kPlain;
    tree_.finishFile(out, {.mode = kind_.slug ? mode & kRights : asInCheckout});
  }

  const SourceRules& rules_;
  const Kind& kind_;
  StoppableSource in_;
  detail::ArchiveReader reader_;
  detail::TreeBuilder tree_;
  std::uint64_t entries_ = 0;
  std::uint64_t bytes_ = 0;
  bool leftOutAtTop_ = false;
  bool hasSlugFolder_ = false;
};

/// The only entry when it is a folder, else `folder`.
fs::path topOf(const fs::path& folder) {
  fs::path only;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (!only.empty() || entry.is_symlink() || !entry.is_directory()) return folder;
    only = entry.path();
  }
  if (only.empty()) throw Error(Errc::invalidArgument, "the source has no files: pack the app's folder");
  return only;
}

/// Says of a damaged archive what to do.
template <typename Body>
auto advising(const Kind& kind, Body body) {
  try {
    return body();
  } catch (const Error& error) {
    if (error.code() != Errc::corrupt) throw;
    throw Error(kind.damaged, std::string(error.what()) + ": " + kind.advice);
  }
}

}  // namespace

std::filesystem::path unpackSource(ByteSource& in, const fs::path& folder, const SourceRules& rules) {
  return advising(kSource, [&] {
    SourceUnpacker unpacker(in, folder, rules, kSource);
    unpacker.run();
    return unpacker.leftOutAtTop() && !fs::is_empty(folder) ? folder : topOf(folder);
  });
}

void unpackSlug(ByteSource& in, const fs::path& folder, const SourceRules& rules) {
  advising(kSlug, [&] { SourceUnpacker(in, folder, rules, kSlug).run(); });
}

}  // namespace base
