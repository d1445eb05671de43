#include "gitd/detail/receive_pack.h"

#include <algorithm>
#include <chrono>
#include <map>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "git/pkt_line.h"
#include "git/side_band.h"
#include "gitd/detail/git.h"
#include "gitd/detail/pack_check.h"
#include "gitd/detail/pack_indexer.h"
#include "gitd/detail/receive_commands.h"
#include "gitd/detail/ref_advertisement.h"
#include "gitd/detail/ref_name.h"
#include "gitd/detail/screen_sink.h"
#include "gitd/repository.h"

namespace gitd::detail {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view kZeroId = "0000000000000000000000000000000000000000";
constexpr std::size_t kReadPiece = 64u << 10;
// How long a client may go on sending what was refused, before we hang up on it.
constexpr std::chrono::seconds kDiscardTime{60};

std::int64_t millisecondsSince(Clock::time_point start) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start).count();
}

class ReceivePack {
 public:
  ReceivePack(const ServiceContext& context, const RepositoryAccess& repository)
      : context_(context), repository_(repository), reader_(context.io), screen_(context.io) {}

  int run() {
    advertise();
    commands_ = readPushCommands(reader_, context_.config.maxCommands);
    if (commands_.updates.empty()) return 0;
    if (commands_.wants("side-band-64k")) context_.io.useSideBand();
    refuseWhatCannotBe();
    const bool packComes = std::any_of(commands_.updates.begin(), commands_.updates.end(),
                                       [](const RefUpdate& update) { return !update.isDelete(); });
    bool packLeft = packComes;
    if (packComes && somethingLeft()) packLeft = !receive();
    if (packComes && unpackError_.empty()) pushWhatIsLeft();
    audit();  // first: the client may be gone by now
    report();
    // The client reads the report only after it has sent its whole pack.
    if (packLeft) context_.io.discardInput(context_.config.packMaxBytes, Clock::now() + kDiscardTime);
    return 0;
  }

 private:
  void advertise() {
    const auto repository = openGitRepository(repository_.path);
    std::string capabilities =
        "report-status delete-refs side-band-64k quiet ofs-delta push-options object-format=sha1 agent=";
    capabilities.append(kAgent);
    std::string out;
    if (context_.protocol == 1) git::appendPkt(out, "version 1\n");
    bool first = true;
    const auto line = [&](std::string_view id, std::string_view name) {
      std::string text = std::string(id).append(" ").append(name);
      if (first) text.append(1, '\0').append(capabilities);
      first = false;
      git::appendPkt(out, text.append("\n"));
    };
    for (const AdvertisedRef& ref : listRefs(repository.get(), Peel::no))
      line(ref.id, ref.name);
    if (first) line(kZeroId, "capabilities^{}");
    out.append(git::kFlushPkt);
    context_.io.write(ChannelIo::Stream::out, out);
  }

  void refuse(const RefUpdate& update, const std::string& reason) {
    // One line of the report, whatever the reason holds.
    refusals_.try_emplace(update.ref, base::printable(reason, 400));
  }

  bool isRefused(const RefUpdate& update) const { return refusals_.contains(update.ref); }
  bool somethingLeft() const {
    return std::any_of(commands_.updates.begin(), commands_.updates.end(),
                       [&](const RefUpdate& update) { return !isRefused(update); });
  }

  void refuseWhatCannotBe() {
    const auto badOptions = context_.handler.refuseOptions(commands_.options);
    std::map<std::string, int> uses;
    for (const RefUpdate& update : commands_.updates)
      ++uses[update.ref];
    for (const RefUpdate& update : commands_.updates) {
      if (!isRefName(update.ref)) {
        refuse(update, "funny refname");
      } else if (uses[update.ref] > 1) {
        refuse(update, "named more than once in one push");
      } else if (badOptions) {
        refuse(update, *badOptions);
      } else if (const auto reason = context_.handler.refuseUpdate(context_.identity, repository_, update)) {
        refuse(update, *reason);
      } else if (update.isDelete()) {
        refuse(update, "refs cannot be deleted");
      }
    }
  }

  /// True when the whole pack was read, whatever came of it.
  bool receive() {
    const auto start = Clock::now();
    bool whole = false;
    try {
      quarantine_ = std::make_shared<Quarantine>(repository_.path);
      const PackLimits limits{context_.config.packMaxBytes, context_.config.packMaxObjects,
                              context_.config.objectMaxBytes};
      PackIndexer indexer(repository_.path, quarantine_->objects(), limits);
      readPack(indexer);
      whole = true;
      pack_ = indexer.finish(context_.io.clientGone());
      indexMs_ = millisecondsSince(start);
      verify();
    } catch (const base::Error& error) {
      // The sender's fault: an answer. Everything else is ours and ends the session.
      if (error.code() != base::Errc::invalidArgument) throw;
      unpackError_ = error.what();
    }
    receiveMs_ = millisecondsSince(start);
    if (!unpackError_.empty()) quarantine_.reset();
    return whole;
  }

  void readPack(PackIndexer& indexer) {
    std::string buffer(kReadPiece, '\0');
    while (!indexer.complete()) {
      const std::size_t count = reader_.read(buffer.data(), buffer.size());
      if (count == 0) throw base::Error(base::Errc::invalidArgument, "the pack ended early");
      const std::size_t used = indexer.append(std::string_view(buffer).substr(0, count));
      if (used < count) throw base::Error(base::Errc::invalidArgument, "there are bytes behind the pack");
    }
  }

  void verify() {
    std::vector<std::string> tips;
    for (const RefUpdate& update : commands_.updates) {
      if (!isRefused(update)) tips.push_back(update.newId);
    }
    const PackVerdict verdict = checkPack(repository_.path, pack_.index, tips, context_.io.clientGone());
    if (verdict.badObject) throw base::Error(base::Errc::invalidArgument, *verdict.badObject);
    if (!verdict.missingObject) return;
    const std::string reason =
        commands_.shallow ? "missing necessary objects: your clone is shallow, run git fetch --unshallow"
                          : "missing necessary objects";
    screen_.write("fairlead: " + *verdict.missingObject + "\n");
    for (const RefUpdate& update : commands_.updates)
      refuse(update, reason);
    quarantine_.reset();
  }

  void pushWhatIsLeft() {
    for (const RefUpdate& update : commands_.updates) {
      if (isRefused(update)) continue;
      if (context_.io.clientClosed().stop_requested()) {
        refuse(update, "cancelled by the pusher");
        continue;
      }
      const auto start = Clock::now();
      const PushRequest request{context_.identity, repository_,       update,
                                quarantine_,       commands_.options, receiveMs_};
      const PushOutcome outcome = context_.handler.push(request, screen_, context_.io.clientClosed());
      if (!outcome.accepted) refuse(update, outcome.reason.empty() ? "refused" : outcome.reason);
      handlerMs_ += millisecondsSince(start);
    }
    // The build may hold on to it; when it does not, nothing shall be left on disk when the client hears the
    // result.
    quarantine_.reset();
  }

  void report() {
    if (!commands_.wants("report-status")) return;
    std::string lines;
    git::appendPkt(lines,
                   "unpack " + (unpackError_.empty() ? "ok" : base::printable(unpackError_, 400)) + "\n");
    for (const RefUpdate& update : commands_.updates) {
      const auto refusal = refusals_.find(update.ref);
      const std::string name = base::printable(update.ref, kMaxRefName);
      if (refusal != refusals_.end()) {
        git::appendPkt(lines, "ng " + name + " " + refusal->second + "\n");
      } else if (!unpackError_.empty()) {
        git::appendPkt(lines, "ng " + name + " unpacker error\n");
      } else {
        git::appendPkt(lines, "ok " + name + "\n");
      }
    }
    lines.append(git::kFlushPkt);
    if (!commands_.wants("side-band-64k")) return context_.io.write(ChannelIo::Stream::out, lines);
    git::DataBand band(context_.io);
    band.write(lines);
    band.flush();
    context_.io.write(ChannelIo::Stream::out, git::kFlushPkt);
  }

  void audit() const {
    for (const RefUpdate& update : commands_.updates) {
      const auto refusal = refusals_.find(update.ref);
      const std::string result = !unpackError_.empty()        ? unpackError_
                                 : refusal != refusals_.end() ? refusal->second
                                                              : "accepted";
      base::Log("gitd").info("push", {{"user", context_.identity.user},
                                      {"key", context_.identity.fingerprint},
                                      {"peer", context_.peer},
                                      {"app", repository_.name},
                                      {"ref", base::printable(update.ref, kMaxRefName)},
                                      {"old", update.oldId},
                                      {"new", update.newId},
                                      {"bytes", pack_.bytes},
                                      {"objects", pack_.objects},
                                      {"index_ms", indexMs_},
                                      {"receive_ms", receiveMs_},
                                      {"build_ms", handlerMs_},
                                      {"result", result}});
    }
  }

  const ServiceContext& context_;
  const RepositoryAccess& repository_;
  git::PktReader reader_;
  ScreenSink screen_;
  PushCommands commands_;
  std::map<std::string, std::string> refusals_;  // by ref
  std::string unpackError_;
  std::shared_ptr<Quarantine> quarantine_;  // shared with the build
  PackSummary pack_;
  std::int64_t indexMs_ = 0;
  std::int64_t receiveMs_ = 0;
  std::int64_t handlerMs_ = 0;
};

}  // namespace

int receivePack(const ServiceContext& context, const RepositoryAccess& repository) {
  return ReceivePack(context, repository).run();
}

}  // namespace gitd::detail
