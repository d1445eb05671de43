#include "git/detail/delta_resolver.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <numeric>
#include <thread>

#include <pthread.h>

#include "base/error.h"
#include "git/detail/delta_worker.h"

namespace git::detail {
namespace {

constexpr unsigned kMostThreads = 8;
// Fewer deltas are not worth a second thread.
constexpr std::uint64_t kDeltasPerThread = 64;
constexpr auto kProgressEvery = std::chrono::milliseconds(100);

}  // namespace

DeltaResolver::DeltaResolver(const Parts& parts) : parts_(parts) {}

void DeltaResolver::run(UnpackTime::Spell& spell) {
  spell_ = &spell;
  const IncomingEntries& entries = parts_.intake.entries();
  for (std::uint32_t i = 0; i < entries.size(); ++i)
    deltas_ += entries[i].isDelta() ? 1 : 0;
  if (deltas_ == 0) return;
  weigh();
  resolveInside(Kind::structure);
  resolveOutside(Kind::structure);
  resolveInside(Kind::blobs);
  resolveOutside(Kind::blobs);
  if (resolved_ < deltas_) {
    throw base::Error(base::Errc::invalidArgument,
                      "pack has " + std::to_string(deltas_ - resolved_) +
                          " unresolved deltas: their bases are neither in it nor in the repository");
  }
  report(deltas_);
}

/// How many entries hang below each one, and how large the largest is. A base comes before its deltas.
void DeltaResolver::weigh() {
  IncomingEntries& entries = parts_.intake.entries();
  largest_.resize(entries.size());
  for (std::uint32_t i = entries.size(); i-- > 0;) {
    largest_[i] = std::max(largest_[i], entries[i].size);
    const std::uint32_t base = entries[i].base;
    if (base == kNoEntry) continue;
    entries[base].weight += entries[i].weight;
    largest_[base] = std::max(largest_[base], largest_[i]);
  }
}

void DeltaResolver::resolveInside(Kind kind) {
  const IncomingEntries& entries = parts_.intake.entries();
  std::vector<std::uint32_t> roots;
  for (std::uint32_t i = 0; i < entries.size(); ++i) {
    const IncomingEntry& entry = entries[i];
    if (entry.isDelta() || (entry.type == ObjectType::blob) != (kind == Kind::blobs)) continue;
    if (entry.firstChild != kNoEntry ||
        (parts_.refBases.size() > 0 && parts_.refBases.find(entries.idBytes(i))))
      roots.push_back(i);
  }
  std::stable_sort(roots.begin(), roots.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return entries[a].weight > entries[b].weight; });
  runOnThreads(roots.size(), [&](DeltaWorker& worker, std::size_t job) {
    worker.resolveTree(roots[job], largest_[roots[job]]);
  });
}

/// Bases that only the repository has, in the order in which the pack first names them: what a delta to one
/// of them yields may be the base of a later one.
void DeltaResolver::resolveOutside(Kind kind) {
  std::vector<std::uint32_t> wanted;
  for (std::uint32_t number = 0; number < parts_.refBases.size(); ++number) {
    if (parts_.firstRefChild[number] != kNoEntry) wanted.push_back(number);
  }
  if (wanted.empty()) return;
  std::mutex mutex;
  runOnThreads(wanted.size(), [&](DeltaWorker& worker, std::size_t job) {
    const std::uint32_t number = wanted[job];
    const ObjectId id(parts_.intake.entries().format(), parts_.refBases.id(number));
    const auto header = parts_.existing.findHeader(id);
    if (!header || (header->type == ObjectType::blob) != (kind == Kind::blobs)) return;
    if (header->size > parts_.limits.objectBytes.value)
      throw base::Error(base::Errc::invalidArgument, "a delta's base is larger than the setting " +
                                                         parts_.limits.objectBytes.setting + " allows");
    const std::uint32_t first = std::atomic_ref(parts_.firstRefChild[number]).exchange(kNoEntry);
    if (first == kNoEntry) return;
    {
      const std::lock_guard lock(mutex);
      parts_.used.push_back({number, header->type});
    }
    worker.resolveOutsideTree({number, header->type}, first, header->size);
  });
}

void DeltaResolver::runOnThreads(std::size_t jobs,
                                 const std::function<void(DeltaWorker&, std::size_t)>& job) {
  unsigned threads = parts_.limits.threads;
  if (threads == 0) threads = std::clamp(std::thread::hardware_concurrency(), 1u, kMostThreads);
  threads = static_cast<unsigned>(std::min<std::uint64_t>({threads, jobs, deltas_ / kDeltasPerThread + 1}));
  if (threads == 0) return;
  std::atomic<std::size_t> next = 0;
  std::atomic<bool> failed = false;
  std::exception_ptr failure;
  std::mutex mutex;
  std::condition_variable ended;
  unsigned running = threads - 1;
  const auto work = [&](const std::function<void()>& tick, UnpackTime::Spell& spell) {
    try {
      DeltaWorker worker(parts_, resolved_, {tick, &spell});
      for (std::size_t at = next++; at < jobs && !failed; at = next++)
        job(worker, at);
    } catch (...) {
      // Handed to the calling thread below.
      const std::lock_guard lock(mutex);
      if (!failed.exchange(true)) failure = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> others;
    for (unsigned i = 1; i < threads; ++i) {
      others.emplace_back([&] {
        ::pthread_setname_np(::pthread_self(), "pack");
        UnpackTime::Spell spell(parts_.time);
        work({}, spell);
        const std::lock_guard lock(mutex);
        --running;
        ended.notify_one();
      });
    }
    work([this] { report(resolved_); }, *spell_);
    std::unique_lock lock(mutex);
    while (!ended.wait_for(lock, kProgressEvery, [&] { return running == 0; })) {
      lock.unlock();
      report(resolved_);
      lock.lock();
    }
  }
  if (failure) std::rethrow_exception(failure);
}

std::string DeltaResolver::read(std::uint32_t entry) {
  return std::string(DeltaWorker(parts_, resolved_, {}).rebuild(entry).view());
}

void DeltaResolver::report(std::uint64_t done) {
  if (!parts_.progress) return;
  const auto now = std::chrono::steady_clock::now();
  if (done < deltas_ && now - reported_ < kProgressEvery) return;
  reported_ = now;
  parts_.progress({PackProgress::Phase::resolving, done, deltas_, parts_.dataEnd});
}

}  // namespace git::detail
