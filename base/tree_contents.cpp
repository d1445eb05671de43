#include "base/tree_contents.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <iterator>
#include <memory>
#include <thread>
#include <utility>

#include "base/crew.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/guarded.h"
#include "base/strings.h"
#include "base/tree_cursor.h"
#include "base/tree_walk.h"

namespace base {
namespace {

constexpr mode_t kPermissions = 0777;
constexpr std::size_t kBufferBytes = 128 << 10;
constexpr std::size_t kBatchFiles = 64;
constexpr std::size_t kMaxWaiting = 32;  // batches; each holds its folder open

/// Files of one folder, still to be read.
struct Batch {
  std::shared_ptr<const Fd> folder;
  std::size_t prefixBytes = 0;  // of the paths: what is not the name
  std::vector<TreeEntry> files;
};

/// Reads batches. What fails or goes over a limit ends the reading.
class BatchReader {
 public:
  BatchReader(const TreeContentsLimits& limits, unsigned threads)
      : limits_(limits), crew_(threads, kMaxWaiting, [this](Batch& batch) { readOne(batch); }) {}

  void add(Batch batch) { crew_.add(std::move(batch)); }
  /// All files with their content, in no order. Throws what a reader threw.
  std::vector<TreeEntry> finish() {
    crew_.finish();
    return done_.with([](auto& files) { return std::move(files); });
  }
  bool ended() const { return crew_.ended(); }
  std::uint64_t contentBytes() const { return contentBytes_; }

 private:
  void readOne(Batch& batch) {
    readBatch(batch);
    done_.with(
        [&](auto& files) { std::move(batch.files.begin(), batch.files.end(), std::back_inserter(files)); });
  }

  void readBatch(Batch& batch) {
    thread_local std::string buffer(kBufferBytes, '\0');
    thread_local ContentHash sha;
    for (TreeEntry& file : batch.files) {
      if (ended() || limits_.stop.stop_requested()) return;
      const Fd opened = openAt(*batch.folder, file.path.substr(batch.prefixBytes),
                               O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
      struct stat info {};
      if (::fstat(opened.get(), &info) != 0) throwErrno(errno, "reading a file");
      if (!S_ISREG(info.st_mode)) throw Error(Errc::io, "a file was replaced while its tree was read");
      file.mode = info.st_mode & kPermissions;
      file.sizeBytes = static_cast<std::uint64_t>(info.st_size);
      if ((contentBytes_ += file.sizeBytes) > limits_.maxContentBytes) {
        crew_.end();
        return;
      }
      hash(opened, file, sha, buffer);
    }
  }

  static void hash(const Fd& opened, TreeEntry& file, ContentHash& sha, std::string& buffer) {
    std::uint64_t total = 0;
    for (std::size_t count = buffer.size(); count == buffer.size() && total <= file.sizeBytes;) {
      count = readSome(opened, buffer.data(), buffer.size());  // less than asked for is a file's end
      sha.update({buffer.data(), count});
      total += count;
    }
    file.content = sha.take();
    if (total != file.sizeBytes) throw Error(Errc::io, "a file changed while it was read");
  }

  const TreeContentsLimits& limits_;
  std::atomic<std::uint64_t> contentBytes_{0};
  Guarded<std::vector<TreeEntry>> done_;
  Crew<Batch> crew_;  // last: its threads use what is above
};

class Walk {
 public:
  Walk(Fd root, const std::set<std::string>& exclude, const TreeContentsLimits& limits, unsigned threads)
      : exclude_(exclude), limits_(limits), reader_(limits, threads), cursor_(std::move(root)) {}

  TreeContents run() {
    walkTree(
        cursor_, [this](std::string path) { return listLevel(std::move(path)); }, [this] { return ended(); });
    return result();
  }

 private:
  using End = TreeContents::End;
  bool ended() const { return end_ != End::whole || reader_.ended() || limits_.stop.stop_requested(); }

  void end(End why, std::uint64_t beyond) {
    end_ = why;
    beyond_ = beyond;
  }

  TreeLevel listLevel(std::string path) {
    TreeLevel level{.path = std::move(path), .folders = {}};
    std::shared_ptr<const Fd> folder;
    Batch batch;
    for (FolderEntry& found : listFolder(cursor_.folder())) {
      TreeEntry entry{.path = level.path + found.name};
      if (exclude_.contains(entry.path)) continue;
      if (++count_ > limits_.maxEntries) end(End::tooManyEntries, count_);
      if (entry.path.size() > limits_.maxPathBytes) end(End::pathTooLong, entry.path.size());
      if (ended()) break;
      if (found.type == FolderEntry::Type::file) {
        if (!folder) folder = std::make_shared<Fd>(openAt(cursor_.folder(), ".", O_PATH | O_DIRECTORY));
        batch.files.push_back(std::move(entry));
        if (batch.files.size() == kBatchFiles) send(batch, folder, level.path.size());
      } else if (found.type == FolderEntry::Type::folder) {
        addFolder(std::move(entry), found.name);
        level.folders.push_back(std::move(found.name));
      } else if (found.type == FolderEntry::Type::symlink) {
        addSymlink(std::move(entry), found.name);
      }
    }
    if (!batch.files.empty()) send(batch, folder, level.path.size());
    return level;
  }

  void send(Batch& batch, const std::shared_ptr<const Fd>& folder, std::size_t prefixBytes) {
    reader_.add({folder, prefixBytes, std::exchange(batch.files, {})});
  }

  void addFolder(TreeEntry entry, const std::string& name) {
    struct stat info {};
    if (::fstatat(cursor_.folder().get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0)
      throwErrno(errno, "reading " + printable(name));
    entry.kind = TreeEntry::Kind::folder;
    entry.mode = info.st_mode & kPermissions;
    entries_.push_back(std::move(entry));
  }

  void addSymlink(TreeEntry entry, const std::string& name) {
    std::array<char, PATH_MAX> target{};
    const ssize_t length = ::readlinkat(cursor_.folder().get(), name.c_str(), target.data(), target.size());
    if (length < 0) throwErrno(errno, "reading the link " + printable(name));
    sha_.update({target.data(), static_cast<std::size_t>(length)});
    entry.kind = TreeEntry::Kind::symlink;
    entry.mode = kPermissions;
    entry.content = sha_.take();
    entries_.push_back(std::move(entry));
  }

  TreeContents result() {
    std::vector<TreeEntry> files = reader_.finish();
    if (limits_.stop.stop_requested()) return {.end = End::stopped};
    if (end_ != End::whole) return {.end = end_, .beyond = beyond_};
    if (reader_.contentBytes() > limits_.maxContentBytes)
      return {.end = End::tooManyBytes, .beyond = reader_.contentBytes()};
    std::move(files.begin(), files.end(), std::back_inserter(entries_));
    std::sort(entries_.begin(), entries_.end(),
              [](const TreeEntry& a, const TreeEntry& b) { return a.path < b.path; });
    return {.entries = std::move(entries_)};
  }

  const std::set<std::string>& exclude_;
  const TreeContentsLimits& limits_;
  std::vector<TreeEntry> entries_;  // but the files
  std::uint64_t count_ = 0;
  End end_ = End::whole;
  std::uint64_t beyond_ = 0;
  ContentHash sha_;
  BatchReader reader_;
  TreeCursor cursor_;
};

void addNumber(std::string& text, std::uint64_t number) {
  for (int shift = 0; shift < 64; shift += 8)
    text += static_cast<char>(number >> shift & 0xFF);
}

}  // namespace

TreeContents readTree(const std::filesystem::path& folder, const std::set<std::string>& exclude,
                      const TreeContentsLimits& limits, unsigned threads) {
  if (threads == 0) threads = std::max(1u, std::thread::hardware_concurrency());
  return Walk(openFile(folder, O_RDONLY | O_DIRECTORY), exclude, limits, threads).run();
}

Digest digestOf(const std::vector<TreeEntry>& entries) {
  Sha256 sha;
  std::string record;
  for (const TreeEntry& entry : entries) {
    record.clear();
    addNumber(record, entry.path.size());  // so that no two lists give the same bytes
    record += entry.path;
    addNumber(record, static_cast<std::uint64_t>(entry.kind) << 32 | entry.mode);
    record.append(reinterpret_cast<const char*>(entry.content.data()), entry.content.size());
    sha.update(record);
  }
  return sha.finish();
}

}  // namespace base
