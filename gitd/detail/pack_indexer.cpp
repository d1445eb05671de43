#include "gitd/detail/pack_indexer.h"

#include <git2.h>

#include "base/error.h"
#include "gitd/detail/git.h"
#include "gitd/detail/pack_scanner.h"

namespace gitd::detail {
namespace {

// libgit2 maps the file anew for every piece.
constexpr std::size_t kPieceBytes = 256u << 10;

int stopWhenAsked(const git_indexer_progress*, void* payload) {
  return static_cast<std::stop_token*>(payload)->stop_requested() ? GIT_EUSER : 0;
}

}  // namespace

struct PackIndexer::State {
  State(const std::filesystem::path& repository, const std::filesystem::path& objects,
        const PackLimits& limits)
      : scanner(limits), odb(openObjects(repository)), folder(objects / "pack") {
    git_indexer_options options = GIT_INDEXER_OPTIONS_INIT;
    options.progress_cb = &stopWhenAsked;
    options.progress_cb_payload = &stop;
    indexer = acquireGit<GitIndexer>(
        [&](git_indexer** out) { return git_indexer_new(out, folder.c_str(), 0444, odb.get(), &options); },
        "receiving the pack");
  }

  void feed() {
    if (pending.empty()) return;
    check(git_indexer_append(indexer.get(), pending.data(), pending.size(), &progress), "receiving the pack");
    pending.clear();
  }

  /// What libgit2 finds wrong with a pack is the sender's fault unless the disk failed.
  static void check(int rc, std::string_view doing) {
    try {
      checkGit(rc, doing);
    } catch (const base::Error& error) {
      if (error.code() == base::Errc::io || error.code() == base::Errc::cancelled) throw;
      throw base::Error(base::Errc::invalidArgument, error.what());
    }
  }

  PackScanner scanner;
  GitOdb odb;  // before the indexer, which borrows it
  std::filesystem::path folder;
  std::stop_token stop;
  GitIndexer indexer;
  git_indexer_progress progress{};
  std::string pending;
};

PackIndexer::PackIndexer(const std::filesystem::path& repository, const std::filesystem::path& objects,
                         const PackLimits& limits)
    : state_(std::make_unique<State>(repository, objects, limits)) {}

PackIndexer::~PackIndexer() = default;

std::size_t PackIndexer::append(std::string_view bytes) {
  const std::size_t count = state_->scanner.scan(bytes);
  state_->pending.append(bytes.substr(0, count));
  if (state_->pending.size() >= kPieceBytes) state_->feed();
  return count;
}

bool PackIndexer::complete() const noexcept {
  return state_->scanner.complete();
}

PackSummary PackIndexer::finish(std::stop_token stop) {
  CHECK(complete());
  PackSummary summary{state_->scanner.bytes(), state_->scanner.objects(), std::nullopt};
  if (summary.objects == 0) return summary;
  state_->stop = std::move(stop);
  state_->feed();
  State::check(git_indexer_commit(state_->indexer.get(), &state_->progress), "resolving deltas");
  summary.index = state_->folder / ("pack-" + std::string(git_indexer_name(state_->indexer.get())) + ".idx");
  return summary;
}

}  // namespace gitd::detail
