#include "sandbox/layer_store.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <exception>
#include <future>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/archive.h"
#include "base/error.h"
#include "base/fd.h"

namespace sandbox {
namespace {

using base::Errc;
using base::Error;
namespace fs = std::filesystem;
using Steady = std::chrono::steady_clock;

constexpr const char* kAside = ".tmp-";
constexpr std::size_t kFeedBytes = 256u << 10;

/// Hashes what passes; one thread at a time.
class HashingSource : public base::ByteSource {
 public:
  explicit HashingSource(base::ByteSource& from) : from_(from) {}
  std::size_t read(char* buffer, std::size_t capacity) override {
    const std::size_t count = from_.read(buffer, capacity);
    hash_.update({buffer, count});
    return count;
  }
  /// Of all of it.
  base::Digest finish() {
    base::readToEnd(*this);
    return hash_.finish();
  }

 private:
  base::ByteSource& from_;
  base::Sha256 hash_;
};

/// A folder beside the final ones, removed unless it became one.
class AsideFolder {
 public:
  AsideFolder(const fs::path& root, ForeignTrees& trees)
      : path_(root / (kAside + base::randomHex(8))), trees_(trees) {
    if (::mkdir(path_.c_str(), 0755) != 0 || ::chmod(path_.c_str(), 0755) != 0)
      base::throwErrno(errno, "making a layer's folder");
    trees_.give(path_, {.uid = 0, .gid = 0}, ForeignTrees::Depth::itself);
  }
  AsideFolder(const AsideFolder&) = delete;
  AsideFolder& operator=(const AsideFolder&) = delete;
  ~AsideFolder() {
    if (path_.empty()) return;
    try {
      trees_.remove(path_);
    } catch (const std::exception&) {  // the next start sweeps it
    }
  }
  const fs::path& path() const { return path_; }
  void becomes(const fs::path& target) {
    if (::rename(path_.c_str(), target.c_str()) != 0) base::throwErrno(errno, "naming an unpacked layer");
    path_.clear();
  }

 private:
  fs::path path_;
  ForeignTrees& trees_;
};

/// A source as a pipe, read by a thread of its own; one use.
class Feed {
 public:
  explicit Feed(HashingSource& from) : from_(from), pipe_(base::makePipe()), thread_([this] { feed(); }) {}
  ~Feed() { stop(); }
  Feed(const Feed&) = delete;
  Feed& operator=(const Feed&) = delete;

  const base::Fd& readEnd() const { return pipe_.first; }
  /// When nobody reads any more. What the source threw is what explains other failures.
  void finish() {
    stop();
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  void stop() {
    pipe_.first.reset();
    if (thread_.joinable()) thread_.join();
  }
  void feed() noexcept {
    sigset_t pipeSignal;
    sigemptyset(&pipeSignal);
    sigaddset(&pipeSignal, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &pipeSignal, nullptr);
    const base::Fd writeEnd = std::move(pipe_.second);
    try {
      std::vector<char> buffer(kFeedBytes);
      while (const std::size_t count = from_.read(buffer.data(), buffer.size()))
        if (!writeAllTo(writeEnd, {buffer.data(), count})) return;
    } catch (...) {  // finish() throws it on
      failure_ = std::current_exception();
    }
  }
  /// False when nobody reads it any more, who then says why.
  static bool writeAllTo(const base::Fd& fd, std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t count = ::write(fd.get(), bytes.data(), bytes.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0 && errno == EPIPE) return false;
      if (count < 0) base::throwErrno(errno, "passing a layer on");
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }

  HashingSource& from_;
  std::pair<base::Fd, base::Fd> pipe_;
  std::exception_ptr failure_;
  std::thread thread_;  // last: it uses what is above
};

void makeRoot(const fs::path& root) {
  fs::create_directories(root);
  fs::permissions(root, fs::perms::owner_all);  // setuid programs of images are in it
}

void removeAside(const fs::path& root, ForeignTrees& trees) {
  for (const auto& entry : fs::directory_iterator(root)) {
    if (entry.path().filename().string().starts_with(kAside)) trees.remove(entry.path());
  }
}

}  // namespace

struct LayerStore::State {
  State(fs::path folder, ForeignTrees& foreign) : root(std::move(folder)), trees(foreign) {}

  const fs::path root;
  ForeignTrees& trees;
  std::mutex mutex;
  std::map<std::string, std::shared_future<void>> underWay;
  const Steady::time_point made = Steady::now();
  std::map<std::string, Steady::time_point> used;  // by hex digest: when it was asked for last

  fs::path folderOf(const base::Digest& digest) const { return root / digest.hex(); }

  void unpack(const base::Digest& digest, base::ByteSource& compressed) const {
    AsideFolder aside(root, trees);
    HashingSource hashing(compressed);
    Feed feed(hashing);
    std::exception_ptr refused;
    try {
      trees.unpackLayer(feed.readEnd(), aside.path());
    } catch (const Error&) {
      refused = std::current_exception();
    }
    feed.finish();
    if (refused) std::rethrow_exception(refused);
    if (hashing.finish() != digest)
      throw Error(Errc::corrupt, "the bytes of layer " + digest.str() + " do not have that digest");
    // Not for the data's sake: a power cut must not leave the final name on a folder with empty files.
    const base::Fd folder = base::openFile(root, O_RDONLY | O_DIRECTORY);
    if (::syncfs(folder.get()) != 0) base::throwErrno(errno, "syncing an unpacked layer");
    aside.becomes(folderOf(digest));
  }
};

LayerStore::LayerStore(fs::path root, ForeignTrees& trees)
    : state_(std::make_unique<State>(std::move(root), trees)) {
  makeRoot(state_->root);
  removeAside(state_->root, trees);
}

LayerStore::~LayerStore() = default;

bool LayerStore::has(const base::Digest& digest) const {
  std::error_code ignored;
  return fs::is_directory(state_->folderOf(digest), ignored);
}

fs::path LayerStore::ensure(const base::Digest& digest,
                            const std::function<std::unique_ptr<base::ByteSource>()>& open) {
  const fs::path folder = state_->folderOf(digest);
  std::unique_lock lock(state_->mutex);
  state_->used[digest.hex()] = Steady::now();
  if (has(digest)) return folder;
  if (const auto found = state_->underWay.find(digest.hex()); found != state_->underWay.end()) {
    const std::shared_future<void> others = found->second;
    lock.unlock();
    others.get();  // throws what the other caller's work threw
    return folder;
  }
  std::promise<void> promise;
  state_->underWay.emplace(digest.hex(), promise.get_future().share());
  lock.unlock();
  try {
    state_->unpack(digest, *open());
    promise.set_value();
  } catch (...) {  // passed on to the callers that wait, and to ours
    promise.set_exception(std::current_exception());
    lock.lock();
    state_->underWay.erase(digest.hex());
    throw;
  }
  lock.lock();
  state_->underWay.erase(digest.hex());
  return folder;
}

void LayerStore::remove(const base::Digest& digest) {
  const fs::path aside = state_->root / (kAside + base::randomHex(8));
  if (::rename(state_->folderOf(digest).c_str(), aside.c_str()) != 0) {
    if (errno == ENOENT) return;
    base::throwErrno(errno, "removing an unpacked layer");
  }
  state_->trees.remove(aside);
}

std::size_t LayerStore::sweep(const std::set<std::string>& keepHex, std::chrono::seconds idle) {
  const auto before = Steady::now() - idle;
  std::vector<fs::path> idleOnes;
  {
    const std::lock_guard lock(state_->mutex);
    for (const auto& entry : fs::directory_iterator(state_->root)) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with(kAside) || keepHex.contains(name)) continue;
      const auto used = state_->used.find(name);
      if ((used == state_->used.end() ? state_->made : used->second) > before) continue;
      // Renamed while nobody can ask for it; removing takes its time.
      const fs::path aside = state_->root / (kAside + base::randomHex(8));
      if (::rename(entry.path().c_str(), aside.c_str()) != 0)
        base::throwErrno(errno, "removing an unpacked layer");
      state_->used.erase(name);
      idleOnes.push_back(aside);
    }
  }
  for (const fs::path& each : idleOnes)
    state_->trees.remove(each);
  return idleOnes.size();
}

}  // namespace sandbox
