// Tar archives with names that a stranger chose, as a function over bytes: for the fuzzer, and for the replay
// of its corpus as a unit test.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/archive.h"
#include "base/archive_source.h"
#include "base/atomic_file.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/gzip.h"
#include "base/strings.h"
#include "tests/support/byte_streams.h"

namespace fuzz {

/// A folder in memory with an empty "root" and a file "outside" beside it. One thread at a time.
class UnpackSite {
 public:
  UnpackSite() : path_("/dev/shm/fairlead-unpack." + std::to_string(::getpid())) {
    base::removeTree(path_);
    std::filesystem::create_directories(root());
    base::writeAll(base::openFile(path_ / "outside", O_WRONLY | O_CREAT, 0600), kOutside);
  }
  ~UnpackSite() { base::removeTree(path_); }
  UnpackSite(const UnpackSite&) = delete;
  UnpackSite& operator=(const UnpackSite&) = delete;

  const std::filesystem::path& path() const noexcept { return path_; }
  std::filesystem::path root() const { return path_ / "root"; }

  /// Nothing but what is below "root" was touched.
  void checkOutside() const {
    struct stat status {};
    int names = 0;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) {
      CHECK(entry.path().filename() == "root" || entry.path().filename() == "outside");
      ++names;
    }
    CHECK(names == 2);
    CHECK(::lstat((path_ / "outside").c_str(), &status) == 0);
    CHECK(S_ISREG(status.st_mode) && (status.st_mode & 07777) == 0600 && status.st_nlink == 1);
    CHECK(base::readFile(path_ / "outside") == kOutside);
  }

  /// No entry is a device other than a whiteout, or runs as another than who starts it.
  void checkRoot() const {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root())) {
      struct stat status {};
      if (::lstat(entry.path().c_str(), &status) != 0) {
        CHECK(errno == ENAMETOOLONG);  // names in a tree may add up to more than one call takes
        return;
      }
      CHECK(!S_ISBLK(status.st_mode) && !S_ISFIFO(status.st_mode) && !S_ISSOCK(status.st_mode));
      CHECK(!S_ISCHR(status.st_mode) || status.st_rdev == 0);
      CHECK(S_ISDIR(status.st_mode) || (status.st_mode & (S_ISUID | S_ISGID)) == 0);
    }
  }

 private:
  static constexpr std::string_view kOutside = "not yours";
  std::filesystem::path path_;
};

/// One ustar block with its checksum, and the content padded to whole blocks.
inline std::string tarEntry(char type, std::string_view name, std::string_view target,
                            std::string_view content) {
  std::string header(512, '\0');
  const auto put = [&](std::size_t at, std::size_t size, std::string_view text) {
    text.copy(header.data() + at, size);
  };
  char size[12];
  std::snprintf(size, sizeof size, "%011zo", content.size());
  put(0, 100, name);
  put(100, 8, "0006755");
  put(108, 8, "0000000");
  put(116, 8, "0000000");
  put(124, 12, size);
  put(136, 12, "00000000000");
  put(148, 8, "        ");
  header[156] = type;
  put(157, 100, target);
  put(257, 8, std::string_view("ustar\00000", 8));
  unsigned sum = 0;
  for (const char byte : header)
    sum += static_cast<unsigned char>(byte);
  std::snprintf(header.data() + 148, 8, "%06o", sum);
  header += content;
  header.append((512 - content.size() % 512) % 512, '\0');
  return header;
}

/// Lines "TNAME\tTARGET", T being the entry's type; '@' stands for the site's path. Names longer than a
/// header has room for go into entries of their own, as GNU tar writes them.
inline std::string tarOf(std::string_view lines, const std::string& site) {
  constexpr std::size_t kMaxEntries = 40;
  std::string tar;
  std::size_t entries = 0;
  for (const std::string& line : base::split(lines, '\n')) {
    if (line.empty() || ++entries > kMaxEntries) continue;
    std::string full;
    for (const char byte : line.substr(1))
      full += byte == '@' ? site : std::string(1, byte);
    const auto tab = full.find('\t');
    const std::string name = full.substr(0, tab);
    const std::string target = tab == full.npos ? "" : full.substr(tab + 1);
    if (name.size() > 100) tar += tarEntry('L', "././@LongLink", "", name + std::string(1, '\0'));
    if (target.size() > 100) tar += tarEntry('K', "././@LongLink", "", target + std::string(1, '\0'));
    tar += tarEntry(line[0], name, target, line[0] == '0' ? "text" : "");
  }
  return tar + std::string(1024, '\0');
}

/// The first byte says whether the tar is a layer with whiteouts; see tarOf() for the rest.
inline void tarNames(std::string_view bytes) {
  if (bytes.empty() || bytes.size() > 8192) return;
  const UnpackSite site;
  const std::string tar = tarOf(bytes.substr(1), site.path().string());
  testing_support::StringSource source(tar);
  try {
    base::unpackTar(source, site.root(),
                    {.keepOwners = false, .whiteouts = bytes[0] == 'w', .maxEntries = 50, .maxBytes = 4096});
  } catch (const base::Error&) {
    // A refusal is an answer; what was unpacked before it counts all the same.
  }
  site.checkOutside();
  site.checkRoot();
}

/// A source, in which nothing but files of two modes, folders and symlinks may be, and no .git; see tarOf().
inline void tarSource(std::string_view bytes) {
  if (bytes.size() > 8192) return;
  const UnpackSite site;
  const std::string tar = tarOf(bytes, site.path().string());
  testing_support::StringSource source(tar);
  try {
    base::SourceRules rules;
    rules.maxFiles = 50;
    rules.maxBytes = 4096;
    rules.maxDepth = 8;
    const std::filesystem::path top = base::unpackSource(source, site.root(), rules);
    CHECK(top == site.root() || top.parent_path() == site.root());
  } catch (const base::Error&) {
    // A refusal is an answer; what was unpacked before it counts all the same.
  }
  site.checkOutside();
  for (const auto& entry : std::filesystem::recursive_directory_iterator(site.root())) {
    struct stat status {};
    CHECK(::lstat(entry.path().c_str(), &status) == 0);
    CHECK(entry.path().filename() != ".git");
    CHECK(S_ISLNK(status.st_mode) || S_ISDIR(status.st_mode) || S_ISREG(status.st_mode));
    CHECK(!S_ISREG(status.st_mode) || (status.st_mode & 07777) != 0);
    CHECK(S_ISLNK(status.st_mode) || (status.st_mode & 07022) == 0);
  }
}

/// An uploaded slug, which keeps rights but for setuid and the like; see tarOf().
inline void tarSlug(std::string_view bytes) {
  if (bytes.size() > 8192) return;
  const UnpackSite site;
  testing_support::StringSink packed;
  base::GzipWriter gzip(packed);
  gzip.write(tarOf(bytes, site.path().string()));
  gzip.finish();
  testing_support::StringSource source(packed.text);
  try {
    base::unpackSlug(source, site.root(), {.maxFiles = 50, .maxBytes = 4096, .maxDepth = 8});
  } catch (const base::Error&) {
    // A refusal is an answer; what was unpacked before it counts all the same.
  }
  site.checkOutside();
  for (const auto& entry : std::filesystem::recursive_directory_iterator(site.root())) {
    struct stat status {};
    CHECK(::lstat(entry.path().c_str(), &status) == 0);
    CHECK(S_ISLNK(status.st_mode) || S_ISDIR(status.st_mode) || S_ISREG(status.st_mode));
    CHECK(S_ISLNK(status.st_mode) || (status.st_mode & 07000) == 0);
  }
}

}  // namespace fuzz
