#include "git/ref_transaction.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <memory>
#include <set>
#include <thread>
#include <unordered_map>
#include <utility>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/strings.h"
#include "git/detail/packed_refs.h"
#include "git/detail/ref_stage.h"
#include "git/detail/reflog.h"
#include "git/ref_name.h"

namespace git {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using Kind = RefFailure::Kind;

constexpr std::size_t kFewFolders = 8;

/// One pass over a set of changes that do not meet each other.
class Transaction {
 public:
  Transaction(RefStore& store, const RefTransactionOptions& options, RefMode mode)
      : store_(store), options_(options), mode_(mode), common_(store.repository().commonDir) {}

  std::vector<std::optional<RefFailure>> run(const std::vector<RefChange>& changes) {
    steps_.reserve(changes.size());
    for (const RefChange& change : changes)
      steps_.push_back({&change, "", {}, std::nullopt});
    resolveNames();
    if (!anyLeft()) return failures();
    detail::RefStage stage(common_);
    stage_ = &stage;
    lockAll();
    verifyAll();
    lockPackedRefs();
    askObserver();
    if (anyLeft()) apply();
    return failures();
  }

 private:
  struct Step {
    const RefChange* change;
    std::string name;  // what changes in the end
    ObjectId was;
    std::optional<RefFailure> failure;
  };

  fs::path fileOf(const std::string& name) const {
    return (name.starts_with("refs/") ? common_ : store_.repository().gitDir) / name;
  }
  bool isLeft(const Step& step) const { return !step.failure && !(mode_ == RefMode::atomic && failed_); }
  bool anyLeft() const {
    return std::any_of(steps_.begin(), steps_.end(), [&](const Step& step) { return isLeft(step); });
  }

  void fail(Step& step, Kind kind, const std::string& why) {
    failed_ = true;
    step.failure =
        RefFailure{kind, "cannot lock ref '" + base::printable(step.change->name, kMaxRefName) + "': " + why};
  }

  std::vector<std::optional<RefFailure>> failures() const {
    std::vector<std::optional<RefFailure>> all;
    all.reserve(steps_.size());
    for (const Step& step : steps_) {
      if (!step.failure && mode_ == RefMode::atomic && failed_) {
        all.emplace_back(RefFailure{Kind::aborted, "the atomic transaction failed"});
      } else {
        all.push_back(step.failure);
      }
    }
    return all;
  }

  /// Follows symbolic refs and puts the steps in the order of the names that change.
  void resolveNames() {
    for (Step& step : steps_) {
      const std::string& name = step.change->name;
      if (!isRefName(name) && !(step.change->isDelete() && isOldRefName(name)) && name != "HEAD") {
        fail(step, Kind::damaged, "it is no valid ref name");
        continue;
      }
      try {
        step.name = store_.resolveName(name);
      } catch (const base::Error& error) {
        if (error.code() != base::Errc::corrupt) throw;
        // What is damaged may be deleted and nothing else.
        step.name = name;
        if (!step.change->isDelete() || step.change->oldId) fail(step, Kind::damaged, error.what());
      }
    }
    order_.resize(steps_.size());
    for (std::size_t at = 0; at < order_.size(); ++at)
      order_[at] = &steps_[at];
    std::stable_sort(order_.begin(), order_.end(),
                     [](const Step* a, const Step* b) { return a->name < b->name; });
    for (std::size_t at = 1; at < order_.size(); ++at) {
      if (order_[at]->name == order_[at - 1]->name && !order_[at]->name.empty())
        fail(*order_[at], Kind::duplicate, "multiple updates for ref '" + order_[at]->name + "' not allowed");
    }
    // A name and one below it: neighbours in the sorted list but for names like "a-" between "a" and "a/".
    std::set<std::string_view> names;
    for (const Step* step : order_)
      names.insert(step->name);
    for (Step* step : order_) {
      const std::string_view name = step->name;
      for (auto slash = name.find('/', 5); slash != std::string_view::npos;
           slash = name.find('/', slash + 1)) {
        if (names.contains(name.substr(0, slash)) && !step->failure)
          fail(*step, Kind::inTheWay,
               "cannot process '" + std::string(name.substr(0, slash)) + "' and '" + step->name +
                   "' at the same time");
      }
    }
  }

  void lockAll() {
    for (std::size_t number = 0; number < steps_.size(); ++number) {
      Step& step = steps_[number];
      if (!isLeft(step)) continue;
      stage_->write(number, step.change->isDelete() ? "" : step.change->newId.hex() + "\n");
    }
    stage_->sync();
    for (Step* step : order_) {
      if (isLeft(*step)) lockOne(*step, static_cast<std::size_t>(step - steps_.data()));
    }
  }

  void lockOne(Step& step, std::size_t number) {
    const fs::path file = fileOf(step.name);
    const fs::path lock = detail::lockOf(file);
    const auto deadline = Clock::now() + std::chrono::milliseconds(options_.lockTimeoutMs);
    while (true) {
      try {
        if (stage_->link(number, lock)) return;
        if (Clock::now() >= deadline)
          return fail(
              step, Kind::locked,
              "Unable to create '" + step.name +
                  ".lock': File exists. Another process seems to be changing it: try again, or remove the "
                  "file by hand when none is");
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
      } catch (const base::Error& error) {
        if (error.code() == base::Errc::conflict) return failInTheWay(step, looseAbove(step.name));
        if (error.code() != base::Errc::notFound) throw;
        std::error_code failure;
        fs::create_directories(file.parent_path(), failure);
        if (failure == std::errc::not_a_directory || failure == std::errc::file_exists)
          return failInTheWay(step, looseAbove(step.name));
        if (failure) base::throwErrno(failure.value(), "making a ref's folder");
      }
    }
  }

  void failInTheWay(Step& step, const std::string& other) {
    fail(step, Kind::inTheWay, "'" + other + "' exists; cannot create '" + step.name + "'");
  }

  /// The ref's file that is where a folder of `name` should be.
  std::string looseAbove(const std::string& name) const {
    for (auto slash = name.find('/', 5); slash != std::string::npos; slash = name.find('/', slash + 1)) {
      std::error_code failure;
      const std::string above = name.substr(0, slash);
      if (fs::exists(fileOf(above), failure) && !fs::is_directory(fileOf(above), failure)) return above;
    }
    return name;
  }

  void verifyAll() {
    for (Step* step : order_) {
      if (isLeft(*step)) verify(*step);
    }
  }

  void verify(Step& step) {
    step.was = ObjectId::null(store_.repository().format);
    const std::optional<ObjectId>& expected = step.change->oldId;
    try {
      const auto now = store_.read(step.name);
      if (now && now->isSymbolic()) return fail(step, Kind::moved, "it has just become a symbolic ref");
      if (now) step.was = now->id;
    } catch (const base::Error& error) {
      if (error.code() != base::Errc::corrupt) throw;
      if (!step.change->isDelete() || expected) return fail(step, Kind::damaged, error.what());
    }
    if (!expected || *expected == step.was) {
      if (!step.change->isDelete() && step.was.isNull()) refuseNeighbours(step);
      return;
    }
    if (expected->isNull()) return fail(step, Kind::moved, "reference already exists");
    if (step.was.isNull())
      return fail(step, Kind::moved, "reference is missing but expected " + expected->hex());
    fail(step, Kind::moved, "is at " + step.was.hex() + " but expected " + expected->hex());
  }

  /// A new name must not be above or below another.
  void refuseNeighbours(Step& step) {
    const detail::PackedRefs& packed = store_.packed();
    const std::string& name = step.name;
    for (auto slash = name.find('/', 5); slash != std::string::npos; slash = name.find('/', slash + 1)) {
      const std::string above = name.substr(0, slash);
      if (packed.find(above)) return failInTheWay(step, above);
    }
    const auto below = packed.below(name + "/");
    if (!below.empty()) return failInTheWay(step, std::string(below.front().name));
    std::error_code failure;
    if (!fs::is_directory(fileOf(name), failure)) return;
    const auto loose = store_.list(name + "/");
    if (!loose.empty()) failInTheWay(step, loose.front().name);
  }

  /// Before anything is irrevocable: a deletion may need to rewrite the file.
  void lockPackedRefs() {
    const bool needed = std::any_of(steps_.begin(), steps_.end(), [&](const Step& step) {
      return isLeft(step) && step.change->isDelete() && store_.packed().find(step.name);
    });
    if (!needed) return;
    const std::size_t number = steps_.size();
    stage_->write(number, "");
    const auto deadline = Clock::now() + std::chrono::milliseconds(options_.packedLockTimeoutMs);
    const fs::path lock = common_ / "packed-refs.lock";
    while (!stage_->link(number, lock)) {
      if (Clock::now() < deadline) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        continue;
      }
      for (Step& step : steps_) {
        if (isLeft(step) && step.change->isDelete())
          fail(step, Kind::locked, "Unable to create 'packed-refs.lock': File exists: try again");
      }
      return;
    }
    packedLock_ = lock;
  }

  std::vector<RefChange> leftChanges() const {
    std::vector<RefChange> left;
    for (const Step& step : steps_) {
      if (isLeft(step)) left.push_back({step.name, step.change->newId, step.was});
    }
    return left;
  }

  void askObserver() {
    if (!options_.observer || !anyLeft()) return;
    if (options_.observer(RefPhase::prepared, leftChanges())) return;
    const std::vector<RefChange> left = leftChanges();
    for (Step& step : steps_) {
      if (isLeft(step))
        step.failure = RefFailure{Kind::aborted, "ref updates aborted by the reference-transaction hook"};
    }
    options_.observer(RefPhase::aborted, left);
  }

  void apply() {
    const std::vector<RefChange> left = leftChanges();
    // All that needs room on the disk comes before what cannot be undone.
    const fs::path freshPacked = writePackedRefs();
    if (mode_ == RefMode::atomic && left.size() > 1) commitStage();
    const Head head = store_.head();
    std::set<fs::path> folders;
    for (Step& step : steps_) {
      if (!isLeft(step)) continue;
      if (!step.change->isDelete()) {
        writeLogs(step, head);
        moveOne(step);
      }
      folders.insert(fileOf(step.name).parent_path());
    }
    replacePackedRefs(freshPacked);
    for (Step& step : steps_) {
      if (isLeft(step) && step.change->isDelete()) deleteOne(step);
    }
    syncFolders(folders);
    stage_->finish();
    if (options_.observer) options_.observer(RefPhase::committed, left);
  }

  /// The journal's lines and the stage's files have the same numbers: unlike in a transaction of `each`, all
  /// steps take part.
  void commitStage() {
    std::vector<detail::StagedChange> journal;
    for (const Step& step : steps_)
      journal.push_back({step.name, step.was, step.change->newId});
    stage_->commit(journal);
  }

  void writeLogs(const Step& step, const Head& head) const {
    const detail::ReflogEntry entry{step.was, step.change->newId};
    if (step.name == step.change->name || step.change->name.starts_with("refs/"))
      detail::appendReflog(common_, step.name, options_.reflog, entry);
    if (head.target == step.name)
      detail::appendReflog(store_.repository().gitDir, "HEAD", options_.reflog, entry);
  }

  void moveOne(Step& step) {
    const fs::path file = fileOf(step.name);
    const fs::path lock = detail::lockOf(file);
    if (!detail::moveOntoRef(lock, file)) {
      // A ref came below it since we looked: whoever made it did not look for our lock.
      stage_->unlock(lock);
      step.failure = RefFailure{Kind::inTheWay, "another ref is in the way of '" + step.name + "'"};
      return;
    }
    stage_->forget(lock);
  }

  /// What is to replace it, aside; empty when it stays.
  fs::path writePackedRefs() {
    if (packedLock_.empty()) return {};
    std::set<std::string_view> gone;
    for (const Step& step : steps_) {
      if (isLeft(step) && step.change->isDelete()) gone.insert(step.name);
    }
    std::vector<detail::PackedRef> kept;
    const detail::PackedRefs& packed = store_.packed();
    for (const detail::PackedRef& ref : packed.all()) {
      if (!gone.contains(ref.name)) kept.push_back(ref);
    }
    const fs::path fresh = stage_->file("packed-refs");
    const base::Fd file = base::openFile(fresh, O_WRONLY | O_CREAT | O_EXCL, 0644);
    base::writeAll(file, detail::PackedRefs::format(kept, packed.fullyPeeled()));
    base::fsyncOrThrow(file, "writing packed-refs");
    return fresh;
  }

  void replacePackedRefs(const fs::path& fresh) {
    if (fresh.empty()) return;
    if (::rename(fresh.c_str(), (common_ / "packed-refs").c_str()) != 0)
      base::throwErrno(errno, "writing packed-refs");
    base::fsyncFolder(common_);
    stage_->unlock(packedLock_);
  }

  void deleteOne(const Step& step) {
    const fs::path file = fileOf(step.name);
    detail::removeReflog(common_, step.name);
    if (::unlink(file.c_str()) != 0 && errno != ENOENT && errno != EISDIR && errno != ENOTDIR)
      base::throwErrno(errno, "deleting a ref");
    stage_->unlock(detail::lockOf(file));
    detail::removeEmptyFoldersAbove(file, common_ / "refs");
  }

  void syncFolders(const std::set<fs::path>& folders) const {
    if (folders.size() > kFewFolders) {
      const base::Fd fd = base::openFile(common_, O_RDONLY | O_DIRECTORY);
      if (::syncfs(fd.get()) != 0) base::throwErrno(errno, "writing refs");
      return;
    }
    for (fs::path folder : folders) {
      // A folder that was made, or that went, is a change of the one above.
      for (; folder != common_ && folder.has_parent_path(); folder = folder.parent_path()) {
        std::error_code failure;
        if (fs::is_directory(folder, failure)) base::fsyncFolder(folder);
      }
    }
  }

  RefStore& store_;
  const RefTransactionOptions& options_;
  RefMode mode_;
  const fs::path& common_;
  detail::RefStage* stage_ = nullptr;
  std::vector<Step> steps_;
  std::vector<Step*> order_;
  fs::path packedLock_;
  bool failed_ = false;
};

}  // namespace

std::vector<std::optional<RefFailure>> changeRefs(RefStore& store, const std::vector<RefChange>& changes,
                                                  RefMode mode, const RefTransactionOptions& options) {
  if (changes.empty()) return {};
  if (mode == RefMode::atomic || changes.size() == 1) return Transaction(store, options, mode).run(changes);
  std::vector<std::optional<RefFailure>> results(changes.size());
  if (options.observer) {
    for (std::size_t at = 0; at < changes.size(); ++at)
      results[at] = Transaction(store, options, mode).run({changes[at]}).front();
    return results;
  }
  results = Transaction(store, options, mode).run(changes);
  // One change may have made room for another.
  for (std::size_t at = 0; at < changes.size(); ++at) {
    if (results[at] && results[at]->kind == Kind::inTheWay)
      results[at] = Transaction(store, options, mode).run({changes[at]}).front();
  }
  return results;
}

void setSymbolicRef(const Repository& repository, const std::string& name, const std::string& target) {
  if (!isRefName(target) || (!isRefName(name) && !isPseudoRefName(name)))
    throw base::Error(base::Errc::invalidArgument,
                      "not a ref name: " + base::printable(isRefName(target) ? name : target));
  const fs::path file = (name.starts_with("refs/") ? repository.commonDir : repository.gitDir) / name;
  const fs::path lock = detail::lockOf(file);
  detail::RefStage stage(repository.commonDir);
  stage.write(0, "ref: " + target + "\n");
  stage.sync();
  const auto deadline = Clock::now() + std::chrono::seconds(1);
  while (!stage.link(0, lock)) {
    if (Clock::now() >= deadline)
      throw base::Error(base::Errc::conflict, "another update of " + name + " is under way: try again");
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  if (!detail::moveOntoRef(lock, file))
    throw base::Error(base::Errc::conflict, "other refs are in the way of " + name);
  stage.forget(lock);
  base::fsyncFolder(file.parent_path());
}

void recoverRefTransactions(const Repository& repository) {
  detail::RefStage::recover(repository.commonDir, repository.format);
}

}  // namespace git
