#include "git/receive_pack.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <new>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "git/detail/push_reach.h"
#include "git/detail/receive_commands.h"
#include "git/detail/receive_objects.h"
#include "git/detail/ref_advertisement.h"
#include "git/detail/shallow_file.h"
#include "git/pkt_line.h"
#include "git/ref_name.h"
#include "git/ref_transaction.h"
#include "git/side_band.h"

namespace git {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kReadPiece = 256u << 10;
constexpr std::size_t kMaxReasonBytes = 400;
constexpr std::uint64_t kCheckDiskEvery = 16u << 20;
// How long a client may go on sending what was refused, before we hang up on it.
constexpr std::chrono::seconds kDiscardTime{60};

std::int64_t millisecondsSince(Clock::time_point start) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start).count();
}

/// A client that is gone hears no answer.
bool isEndOfSession(const std::exception& failure) {
  const auto* error = dynamic_cast<const base::Error*>(&failure);
  return error != nullptr &&
         (error->code() == base::Errc::cancelled || error->code() == base::Errc::timedOut);
}

/// What the pusher is told: a fault of the pusher's own as it is; one of ours, which the operator must know
/// of, with what to do about it.
std::string refusalFor(const std::exception& failure) {
  const auto* error = dynamic_cast<const base::Error*>(&failure);
  if (error != nullptr && error->code() == base::Errc::invalidArgument) return error->what();
  base::Log("git").error("push not stored", {{"error", failure.what()}});
  if (error != nullptr && error->code() == base::Errc::diskFull)
    return "the server has no room for this push (" + std::string(error->what()) +
           "): tell its administrator (setting disk_min_free_bytes keeps some room)";
  if (dynamic_cast<const std::bad_alloc*>(&failure) != nullptr)
    return "the server is out of memory: try again later";
  return "the server could not store this push (" + base::publicMessage(failure) +
         "): try again, and tell its administrator when it stays so";
}

class ReceivePack {
 public:
  ReceivePack(Wire& wire, const Repository& repository, const ReceiveSettings& settings, PushBackend& backend)
      : wire_(wire),
        settings_(settings),
        backend_(backend),
        refs_(repository),
        reader_(wire),
        push_{.repository = repository, .refs = refs_, .wire = wire} {}

  void advertise() {
    detail::PushAdvertisement advertisement = detail::pushAdvertisement(refs_, settings_);
    wire_.write(advertisement.text);
    if (settings_.links == ReceiveSettings::Links::reachable) advertised_ = std::move(advertisement.ids);
  }

  void serve() {
    try {
      servePush();
    } catch (const base::Error& error) {
      backend_.broken(push_, error);
      throw;
    }
  }

 private:
  void servePush() {
    readRequest();
    if (push_.commands.empty()) return;
    if (request_.wants("side-band-64k")) wire_.useSideBand();
    refuseWhatCannotBe();
    backend_.admit(push_);
    refuseAllForOne();
    const bool packComes = std::any_of(push_.commands.begin(), push_.commands.end(),
                                       [](const PushCommand& command) { return !command.isDelete(); });
    bool packLeft = packComes;
    if (packComes && push_.anyLeft()) packLeft = !receive();
    if (push_.unpackError.empty() && push_.anyLeft()) carryOut();
    // Whoever needs it longer holds on to it; else nothing shall be left on disk when the client hears the
    // result.
    push_.objects.reset();
    push_.quarantine.reset();
    end();
    // The client reads the report only after it has sent its whole pack.
    if (packLeft) wire_.discardInput(settings_.limits.packBytes.value, Clock::now() + kDiscardTime);
  }

  void readRequest() {
    request_ = detail::readPushRequest(reader_, push_.repository.format, settings_);
    push_.commands = std::move(request_.commands);
    push_.options = std::move(request_.options);
    push_.optionsGiven = settings_.advertisePushOptions && request_.wants("push-options");
    push_.atomic = settings_.advertiseAtomic && request_.wants("atomic");
    push_.quiet = request_.wants("quiet");
  }

  void say(const std::string& text) { wire_.writeProgress(text + "\n"); }

  void refuseWhatCannotBe() {
    std::set<std::string_view> seen;
    for (PushCommand& command : push_.commands) {
      if (!isRefName(command.ref) && !(command.isDelete() && isOldRefName(command.ref))) {
        say("error: refusing to create funny ref '" + base::printable(command.ref, kMaxOldRefName) +
            "' remotely");
        command.refuse("funny refname");
      } else if (!seen.insert(command.ref).second) {
        command.refuse("named more than once in one push");
      } else if (settings_.hiddenRefs.hides(command.ref)) {
        command.refuse(command.isDelete() ? "deny deleting a hidden ref" : "deny updating a hidden ref");
      }
    }
    refuseTooManyRefs();
  }

  void refuseTooManyRefs() {
    const auto creates = std::count_if(push_.commands.begin(), push_.commands.end(),
                                       [](const PushCommand& command) { return command.isCreate(); });
    if (creates == 0 || refs_.list().size() + static_cast<std::size_t>(creates) <= settings_.refs.value)
      return;
    for (PushCommand& command : push_.commands) {
      if (command.isCreate())
        command.refuse("the repository would have more than " + std::to_string(settings_.refs.value) +
                       " refs (setting " + settings_.refs.setting + ")");
    }
  }

  void refuseAllForOne() {
    if (!push_.atomic) return;
    const bool refused = std::any_of(push_.commands.begin(), push_.commands.end(),
                                     [](const PushCommand& command) { return command.refusal.has_value(); });
    if (!refused) return;
    for (PushCommand& command : push_.commands)
      command.refuse("atomic push failure");
  }

  /// True when the whole pack was read, whatever came of it.
  bool receive() {
    const auto start = Clock::now();
    auto lastByte = start;
    bool whole = false;
    try {
      push_.quarantine = std::make_shared<Quarantine>(push_.repository.commonDir);
      const auto existing = detail::openObjects(push_.repository, nullptr);
      if (settings_.links == ReceiveSettings::Links::reachable)
        reach_.emplace(
            detail::PushReach::Parts{refs_, settings_, advertised_, *existing, wire_.clientGone()});
      PackReceiver receiver(receiverOptions(*existing));
      readPack(receiver);
      lastByte = Clock::now();
      whole = true;
      push_.pack = receiver.finish();
      push_.indexMs = millisecondsSince(start);
      push_.objects = detail::openObjects(push_.repository, push_.quarantine.get());
      if (reach_) searchReach(receiver);
      for (const std::string& warning : push_.pack.warnings)
        say("warning: " + warning);
      verify(receiver, *existing);
    } catch (const std::exception& failure) {
      if (isEndOfSession(failure)) throw;
      push_.unpackError = refusalFor(failure);
    }
    reach_.reset();
    advertised_ = {};
    push_.receiveMs = millisecondsSince(start);
    push_.checkMs = millisecondsSince(lastByte);
    if (!push_.unpackError.empty()) {
      // What came of it may be what the disk has no room for.
      push_.objects.reset();
      push_.quarantine.reset();
      say("error: " + push_.unpackError);
      for (PushCommand& command : push_.commands)
        command.refuse("unpacker error");
    }
    refuseAllForOne();
    return whole;
  }

  void carryOut() {
    try {
      backend_.carryOut(push_);
    } catch (const std::exception& failure) {
      if (isEndOfSession(failure)) throw;
      const std::string reason = refusalFor(failure);
      say("error: " + reason);
      refuseWhatWasNotDone(reason);
    }
  }

  /// It failed half-way: what has become of each ref is what the ref says.
  void refuseWhatWasNotDone(const std::string& reason) {
    recoverRefTransactions(push_.repository);
    for (PushCommand& command : push_.commands) {
      if (!command.isLeft()) continue;
      const ObjectId now = refs_.resolve(command.ref).value_or(ObjectId::null(command.newId.format()));
      if (now != command.newId) command.refuse(reason);
    }
  }

  PackReceiverOptions receiverOptions(const ObjectDatabase& existing) {
    PackReceiverOptions options{.folder = push_.quarantine->objects() / "pack",
                                .existing = existing,
                                .limits = settings_.limits,
                                .policy = settings_.policy,
                                .memory = settings_.memory};
    for (const ObjectId& id : request_.shallow)
      options.shallow.insert(id);
    options.stop = wire_.clientGone();
    if (reach_) {
      options.outside = existing.packs();
      options.mayUse = [this](detail::OutsideObjects& bases) { return reach_->mayUse(bases); };
    }
    return options;
  }

  void checkDisk() const {
    const Limit& limit = settings_.diskFree;
    if (limit.value == 0) return;
    const std::filesystem::space_info space = std::filesystem::space(push_.quarantine->objects());
    if (space.available >= limit.value) return;
    throw base::Error(base::Errc::invalidArgument,
                      "the server's disk has less than " + std::to_string(limit.value) +
                          " bytes left: tell its administrator (setting " + limit.setting + ")");
  }

  void readPack(PackReceiver& receiver) {
    std::string buffer(kReadPiece, '\0');
    std::uint64_t checkDiskAt = 0;
    while (!receiver.complete()) {
      const std::size_t count = reader_.read(buffer.data(), buffer.size());
      if (count == 0) throw base::Error(base::Errc::invalidArgument, "the pack ended early");
      if (push_.pack.bytes >= checkDiskAt) {
        checkDisk();
        checkDiskAt = push_.pack.bytes + kCheckDiskEvery;
      }
      const std::size_t used = receiver.append(std::string_view(buffer).substr(0, count));
      push_.pack.bytes += used;
      if (used < count) throw base::Error(base::Errc::invalidArgument, "there are bytes behind the pack");
    }
  }

  void searchReach(PackReceiver& receiver) {
    std::vector<ObjectId> tips;
    for (const PushCommand& command : push_.commands) {
      if (command.isLeft() && !command.isDelete()) tips.push_back(command.newId);
    }
    reach_->check({receiver, *push_.quarantine, std::move(tips), request_.shallow});
  }

  void verify(PackReceiver& receiver, const ObjectSource& existing) {
    std::vector<ObjectId> tips;
    for (PushCommand& command : push_.commands) {
      if (!command.isLeft() || command.isDelete()) continue;
      if (reach_ ? reach_->isThere(command.newId) : push_.objects->contains(command.newId)) {
        tips.push_back(command.newId);
      } else {
        command.refuse("missing necessary objects");
      }
    }
    if (const auto missing = reach_ ? reach_->missing() : missingLink(receiver, tips)) {
      // With checks on, git finds this while it unpacks.
      if (settings_.policy.enabled()) throw base::Error(base::Errc::invalidArgument, *missing);
      say("error: " + *missing);
      for (PushCommand& command : push_.commands) {
        if (!command.isDelete()) command.refuse("missing necessary objects");
      }
      return;
    }
    if (reach_) {
      for (const std::string& warning : receiver.checkOutside())
        say("warning: " + warning);
    }
    if (!request_.shallow.empty()) takeShallow(receiver, existing);
  }

  /// The tips are known to be there.
  static std::optional<std::string> missingLink(const PackReceiver& receiver,
                                                const std::vector<ObjectId>& tips) {
    const auto missing = receiver.findMissing(tips);
    if (!missing) return std::nullopt;
    return "missing object " + missing->id.hex() +
           (missing->neededBy ? ", which " + missing->neededBy->hex() + " needs" : "");
  }

  void takeShallow(const PackReceiver& receiver, const ObjectSource& existing) {
    detail::ShallowRules rules{[&](const ObjectId& id) { return existing.contains(id); },
                               [&](const ObjectId& id) { return push_.objects->contains(id); }};
    if (reach_) {
      rules = {[&](const ObjectId& id) { return !receiver.brings(id); },
               [&](const ObjectId& id) { return reach_->isThere(id); }};
    }
    const detail::ShallowPush shallow = detail::findShallow(push_, rules, request_.shallow);
    if (settings_.shallowUpdate) {
      push_.quarantine->setShallow(shallow.boundary);
      return;
    }
    for (PushCommand* command : shallow.commands)
      command->refuse("shallow update not allowed");
  }

  void end() {
    bool gone = false;
    try {
      report();
    } catch (const base::Error& error) {
      // What follows a push follows it whether its pusher still listens or not.
      if (error.code() != base::Errc::cancelled) throw;
      gone = true;
    }
    backend_.reported(push_);
    if (!gone && request_.wants("side-band-64k")) wire_.write(kFlushPkt);
  }

  void report() {
    const bool second = request_.wants("report-status-v2");
    if (!second && !request_.wants("report-status")) return;
    std::string lines;
    appendPkt(lines,
              "unpack " +
                  (push_.unpackError.empty() ? "ok" : base::printable(push_.unpackError, kMaxReasonBytes)) +
                  "\n");
    for (const PushCommand& command : push_.commands) {
      const std::string name = base::printable(command.ref, kMaxOldRefName);
      if (command.refusal) {
        appendPkt(lines, "ng " + name + " " + base::printable(*command.refusal, kMaxReasonBytes) + "\n");
      } else {
        appendPkt(lines, "ok " + name + "\n");
        if (second) reportOptions(lines, name, command.reports);
      }
    }
    lines.append(kFlushPkt);
    if (!request_.wants("side-band-64k")) return wire_.write(lines);
    DataBand band(wire_);
    band.write(lines);
    band.flush();
  }

  static void reportOptions(std::string& lines, const std::string& name,
                            const std::vector<PushReport>& reports) {
    for (std::size_t at = 0; at < reports.size(); ++at) {
      const PushReport& report = reports[at];
      if (at > 0) appendPkt(lines, "ok " + name + "\n");
      if (report.ref) appendPkt(lines, "option refname " + *report.ref + "\n");
      if (report.oldId) appendPkt(lines, "option old-oid " + report.oldId->hex() + "\n");
      if (report.newId) appendPkt(lines, "option new-oid " + report.newId->hex() + "\n");
      if (report.forced) appendPkt(lines, "option forced-update\n");
    }
  }

  Wire& wire_;
  const ReceiveSettings& settings_;
  PushBackend& backend_;
  RefStore refs_;
  PktReader reader_;
  detail::PushRequestLines request_;
  std::vector<ObjectId> advertised_;        // kept as long as it may be asked about
  std::optional<detail::PushReach> reach_;  // none: a push may lean on all that is stored
  Push push_;
};

}  // namespace

bool Push::anyLeft() const noexcept {
  return std::any_of(commands.begin(), commands.end(),
                     [](const PushCommand& command) { return command.isLeft(); });
}

int receivePack(Wire& wire, const Repository& repository, const ReceiveSettings& settings,
                PushBackend& backend, ReceiveMode mode) {
  ReceivePack service(wire, repository, settings, backend);
  if (mode != ReceiveMode::stateless) service.advertise();
  if (mode != ReceiveMode::advertiseOnly) service.serve();
  return 0;
}

}  // namespace git
