// What both protocols of git fetch have in common: what is wanted, what the client has, where its history is
// cut, the pack. (gitprotocol-pack; gitprotocol-v2, fetch.)
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "git/detail/advertised_refs.h"
#include "git/detail/history.h"
#include "git/detail/object_filter.h"
#include "git/detail/shallow_walk.h"
#include "git/pkt_line.h"

namespace git::detail {

/// A server's answers in packets; with sideband-all each of them is in band 1. One thread at a time.
class PacketWriter {
 public:
  explicit PacketWriter(Wire& wire) : wire_(wire) {}
  void useSideBandAll() noexcept { sideBandAll_ = true; }
  void line(std::string_view text);  ///< the newline is added
  void flushPacket() { pending_.append(kFlushPkt); }
  void delimiter() { pending_.append(kDelimPkt); }
  void send();
  /// Tells the client why, in the way that it shows to its user.
  void error(std::string_view reason);
  Wire& wire() noexcept { return wire_; }

 private:
  Wire& wire_;
  bool sideBandAll_ = false;
  std::string pending_;
};

/// The repository, the client and the rules of one run. The references outlive it.
struct FetchContext {
  Wire& wire;
  const UploadPackRun& run;
  const ObjectDatabase& objects;
  const RefStore& refs;
  const UploadPackSettings& settings() const noexcept { return run.settings; }
};

enum class BandSize { none, small, large };

/// What the client asked for beside objects.
struct FetchOptions {
  BandSize band = BandSize::none;
  bool thinPack = false;
  bool offsetDeltas = false;
  bool noProgress = false;
  bool includeTag = false;
  bool done = false;
  bool waitForDone = false;
};

/// One fetch. One thread at a time. What the client gets wrong is thrown as invalidArgument.
class Fetch {
 public:
  Fetch(const FetchContext& context, const AdvertisedRefs& refs);

  FetchOptions options;
  ObjectFilter filter;

  PacketWriter& out() noexcept { return out_; }
  /// Throws unless the rule lets the client have it.
  void want(const ObjectId& id, WantRule rule);
  bool wantsAnything() const noexcept { return !wants_.empty(); }
  void wantRef(const std::string& name);
  const std::vector<std::pair<std::string, ObjectId>>& wantedRefs() const noexcept { return wantedRefs_; }
  /// True when we have it too.
  bool have(const ObjectId& id);
  std::size_t commonCount() const noexcept { return haves_.size(); }
  /// Everything wanted leads to something common: more haves would not make the pack smaller.
  bool ready();
  void setFilter(std::string_view text);
  /// Takes "shallow", "deepen", "deepen-since", "deepen-not"; false for other lines.
  bool takeShallowLine(std::string_view line);
  void deepenRelative() noexcept { deepenRelative_ = true; }
  bool knowsShallow() const noexcept;
  /// Adds the lines that tell where the history is cut now; true when the client had asked for it.
  bool tellShallow();
  /// What a shallow repository tells in protocol 2 when the client asked for nothing.
  void tellRepositoryShallow();
  bool repositoryIsShallow() const noexcept { return history_.repositoryIsShallow(); }
  void sendPack();

  /// Throws invalidArgument unless it is an id of the repository's format.
  ObjectId parseId(std::string_view hex, std::string_view line) const;

 private:
  [[noreturn]] void refuseWant(const ObjectId& id);
  bool mayWant(const ObjectId& id, ObjectType type, WantRule rule);
  bool isReachable(const ObjectId& id);
  void startFromTips();
  std::vector<History::Node> wantedCommits();
  void tellCut(const std::vector<History::Node>& cut);
  void tellUncut();
  void takeDeepenNot(std::string_view name);
  void checkFilter() const;

  const FetchContext& context_;
  const AdvertisedRefs& refs_;
  PacketWriter out_;
  History history_;
  std::vector<ObjectId> wants_;
  std::unordered_set<ObjectId> wanted_;
  // From the tips on as far as somebody asked: no commit is passed twice, however many are asked for.
  DateQueue fromTips_;
  std::unordered_set<ObjectId> tipTags_;
  bool startedFromTips_ = false;
  std::vector<std::pair<std::string, ObjectId>> wantedRefs_;
  std::vector<ObjectId> haves_;
  std::unordered_set<ObjectId> have_;
  std::optional<std::size_t> notReadyAt_;  // with so many haves
  std::uint64_t oldestHave_ = 0;
  std::vector<History::Node> clientShallow_;
  std::vector<ObjectId> edges_;  // what the client has and gets the parents of
  std::uint32_t depth_ = 0;
  CutRule cutRule_;
  bool cutsByRule_ = false;
  bool deepenRelative_ = false;
  bool cutHistory_ = false;
};

}  // namespace git::detail
