#include "git/detail/fetch.h"

#include <algorithm>
#include <chrono>

#include "base/error.h"
#include "base/strings.h"
#include "git/detail/pack_plan.h"
#include "git/detail/pack_writer.h"
#include "git/side_band.h"

namespace git::detail {
namespace {

using Node = History::Node;

constexpr std::size_t kMaxIds = 1'000'000;
constexpr std::size_t kSendPiece = 32u << 10;
constexpr std::chrono::seconds kProgressEvery{1};

[[noreturn]] void refuse(const std::string& why) {
  throw base::Error(base::Errc::invalidArgument, why);
}

/// A pack without a frame, for clients without side-band.
class PlainSink : public base::ByteSink {
 public:
  explicit PlainSink(Wire& wire) : wire_(wire) {}
  void write(std::string_view bytes) override {
    for (; !bytes.empty(); bytes.remove_prefix(std::min(bytes.size(), kMaxPktPayload)))
      wire_.write(bytes.substr(0, kMaxPktPayload));
  }

 private:
  Wire& wire_;
};

}  // namespace

void PacketWriter::line(std::string_view text) {
  std::string payload;
  if (sideBandAll_) payload.push_back('\1');
  appendPkt(pending_, payload.append(text).append("\n"));
  if (pending_.size() > kSendPiece) send();
}

void PacketWriter::send() {
  if (!pending_.empty()) wire_.write(pending_);
  pending_.clear();
}

void PacketWriter::error(std::string_view reason) {
  send();
  wire_.write(pktLine(std::string(sideBandAll_ ? "\3" : "ERR ").append(reason)));
}

Fetch::Fetch(const FetchContext& context, const AdvertisedRefs& refs)
    : context_(context),
      refs_(refs),
      out_(context.wire),
      history_(context.objects, readShallowBoundary(context.run.repository)) {}

ObjectId Fetch::parseId(std::string_view hex, std::string_view line) const {
  const auto id = ObjectId::parse(context_.objects.format(), hex);
  if (!id)
    refuse("git upload-pack: protocol error, expected to get oid, not '" + base::printable(line) + "'");
  return *id;
}

void Fetch::refuseWant(const ObjectId& id) {
  const std::string reason = "upload-pack: not our ref " + id.hex();
  out_.error(reason);
  refuse(reason);
}

bool Fetch::mayWant(const ObjectId& id, ObjectType type, WantRule rule) {
  if (rule == WantRule::any || refs_.isTip(id)) return true;
  if (rule == WantRule::tips) return false;
  if (type == ObjectType::tree || type == ObjectType::blob) return rule == WantRule::reachableCommits;
  return isReachable(id);
}

void Fetch::startFromTips() {
  startedFromTips_ = true;
  for (const ObjectId& tip : refs_.tips()) {
    const auto peeled = peelObject(context_.objects, tip);
    if (!peeled) continue;
    tipTags_.insert(peeled->tags.begin(), peeled->tags.end());
    if (peeled->type != ObjectType::commit) continue;
    const Node node = history_.node(peeled->id);
    if (history_.has(node, History::reachQueued)) continue;
    history_.set(node, History::reachQueued);
    fromTips_.push(history_.date(node), node);
  }
}

bool Fetch::isReachable(const ObjectId& id) {
  if (!startedFromTips_) startFromTips();
  if (tipTags_.contains(id)) return true;
  const Node wanted = history_.node(id);
  while (!history_.has(wanted, History::reached) && !fromTips_.empty()) {
    const Node node = fromTips_.pop();
    history_.set(node, History::reached);
    const auto parents = history_.parents(node);
    for (const Node parent : std::vector<Node>(parents.begin(), parents.end())) {
      if (history_.has(parent, History::reachQueued)) continue;
      history_.set(parent, History::reachQueued);
      fromTips_.push(history_.date(parent), parent);
    }
  }
  return history_.has(wanted, History::reached);
}

void Fetch::want(const ObjectId& id, WantRule rule) {
  if (wanted_.contains(id)) return;
  if (wants_.size() >= kMaxIds) refuse("too many objects asked for in one fetch");
  const auto header = context_.objects.findHeader(id);
  if (!header || !mayWant(id, header->type, rule)) refuseWant(id);
  wanted_.insert(id);
  wants_.push_back(id);
}

void Fetch::wantRef(const std::string& name) {
  const auto id = context_.settings().hiddenRefs.hides(name) ? std::nullopt : context_.refs.resolve(name);
  if (!id) {
    out_.error("unknown ref " + name);
    refuse("unknown ref " + base::printable(name));
  }
  wantedRefs_.emplace_back(name, *id);
  want(*id, WantRule::any);
}

bool Fetch::have(const ObjectId& id) {
  if (!context_.objects.contains(id)) return false;
  if (have_.contains(id)) return true;
  if (haves_.size() >= kMaxIds) refuse("too many objects named in one fetch");
  have_.insert(id);
  haves_.push_back(id);
  const auto header = context_.objects.findHeader(id);
  if (!header || header->type != ObjectType::commit) return true;
  const Node node = history_.node(id);
  history_.set(node, History::theyHave);
  const std::uint64_t date = history_.date(node);
  if (oldestHave_ == 0 || date < oldestHave_) oldestHave_ = date;
  const auto parents = history_.parents(node);
  for (const Node parent : std::vector<Node>(parents.begin(), parents.end()))
    history_.set(parent, History::theyHave);
  return true;
}

bool Fetch::ready() {
  if (haves_.empty() || notReadyAt_ == haves_.size()) return false;
  notReadyAt_ = haves_.size();
  for (const ObjectId& want : wants_) {
    const auto peeled = peelObject(context_.objects, want);
    if (!peeled || peeled->type != ObjectType::commit) continue;
    DateQueue queue;
    std::vector<Node> met;
    const auto add = [&](Node node) {
      if (history_.has(node, History::queued) || !context_.objects.contains(history_.id(node))) return;
      history_.set(node, History::queued);
      met.push_back(node);
      queue.push(history_.date(node), node);
    };
    add(history_.node(peeled->id));
    bool found = false;
    while (!found && !queue.empty()) {
      const Node node = queue.pop();
      found = history_.has(node, History::theyHave | History::reachesCommon);
      if (history_.date(node) < oldestHave_) continue;
      const auto parents = history_.parents(node);
      for (const Node parent : std::vector<Node>(parents.begin(), parents.end()))
        add(parent);
    }
    for (const Node node : met)
      history_.clear(node, History::queued);
    if (!found) return false;
    history_.set(history_.node(peeled->id), History::reachesCommon);
  }
  notReadyAt_.reset();
  return true;
}

void Fetch::setFilter(std::string_view text) {
  if (!filter.names.empty()) refuse("multiple filter-specs cannot be combined");
  filter = parseObjectFilter(text);
  checkFilter();
}

void Fetch::checkFilter() const {
  const UploadPackSettings& settings = context_.settings();
  const auto deny = [&](const std::string& reason) {
    PacketWriter(context_.wire).error(reason);
    refuse(reason);
  };
  for (const std::string& name : filter.names) {
    const auto setting = settings.allowedFilters.find(name);
    const bool allowed =
        setting == settings.allowedFilters.end() ? settings.allowFiltersByDefault : setting->second;
    if (!allowed) deny("filter '" + name + "' not supported");
    if (name == "tree" && settings.filterTreeDepth && filter.treeDepth > *settings.filterTreeDepth)
      deny("tree filter allows max depth " + std::to_string(*settings.filterTreeDepth) + ", but got " +
           std::to_string(filter.treeDepth));
  }
}

bool Fetch::takeShallowLine(std::string_view line) {
  const auto after = [&](std::string_view prefix) { return std::string_view(line).substr(prefix.size()); };
  std::uint64_t number = 0;
  if (line.starts_with("shallow ")) {
    const auto id = ObjectId::parse(context_.objects.format(), after("shallow "));
    if (!id) refuse("invalid shallow line: " + base::printable(line));
    const auto header = context_.objects.findHeader(*id);
    if (!header) return true;
    if (header->type != ObjectType::commit) refuse("invalid shallow object " + id->hex());
    const Node node = history_.node(*id);
    if (history_.has(node, History::clientShallow)) return true;
    if (clientShallow_.size() >= kMaxIds) refuse("the clone is cut off in too many places");
    history_.set(node, History::clientShallow);
    clientShallow_.push_back(node);
  } else if (line.starts_with("deepen ")) {
    if (!base::parseNumber(after("deepen "), number) || number == 0 || number > kInfiniteDepth)
      refuse("Invalid deepen: " + base::printable(line));
    depth_ = static_cast<std::uint32_t>(number);
  } else if (line.starts_with("deepen-since ")) {
    if (!base::parseNumber(after("deepen-since "), number) || number == 0)
      refuse("Invalid deepen-since: " + base::printable(line));
    cutRule_.since = number;
    cutsByRule_ = true;
  } else if (line.starts_with("deepen-not ")) {
    takeDeepenNot(after("deepen-not "));
  } else {
    return false;
  }
  return true;
}

void Fetch::takeDeepenNot(std::string_view name) {
  // As git completes short names: the first rule that finds something, unless a second one does too.
  const std::string text(name);
  std::optional<ObjectId> found;
  int count = 0;
  for (const std::string& candidate : {text, "refs/" + text, "refs/tags/" + text, "refs/heads/" + text,
                                       "refs/remotes/" + text, "refs/remotes/" + text + "/HEAD"}) {
    const bool refLike = candidate.starts_with("refs/") || candidate == "HEAD";
    const auto id = refLike ? context_.refs.resolve(candidate) : std::nullopt;
    if (!id || context_.settings().hiddenRefs.hides(candidate)) continue;
    if (!found) found = id;
    ++count;
  }
  if (count != 1) refuse("git upload-pack: ambiguous deepen-not: deepen-not " + base::printable(name));
  const auto peeled = peelObject(context_.objects, *found);
  if (peeled && peeled->type == ObjectType::commit) cutRule_.excluded.push_back(history_.node(peeled->id));
  cutsByRule_ = true;
}

bool Fetch::knowsShallow() const noexcept {
  return depth_ > 0 || cutsByRule_ || !clientShallow_.empty();
}

std::vector<Node> Fetch::wantedCommits() {
  std::vector<Node> commits;
  for (const ObjectId& want : wants_) {
    const auto peeled = peelObject(context_.objects, want);
    if (peeled && peeled->type == ObjectType::commit) commits.push_back(history_.node(peeled->id));
  }
  return commits;
}

bool Fetch::tellShallow() {
  if (depth_ > 0 && cutsByRule_)
    refuse("git upload-pack: deepen and deepen-since (or deepen-not) cannot be used together");
  if (depth_ == 0 && !cutsByRule_) {
    for (const Node node : clientShallow_)
      history_.set(node, History::shallow);
    return false;
  }
  if (cutsByRule_) {
    tellCut(cutByRule(history_, wantedCommits(), cutRule_));
  } else if (depth_ == kInfiniteDepth && !history_.repositoryIsShallow()) {
    for (const Node node : clientShallow_)
      history_.set(node, History::unshallowed);
  } else if (deepenRelative_) {
    const std::uint32_t depth = std::min(depth_, kInfiniteDepth - 1) + 1;
    tellCut(cutAtDepth(history_, reachableShallows(history_, wantedCommits()), depth));
  } else {
    tellCut(cutAtDepth(history_, wantedCommits(), depth_));
  }
  tellUncut();
  return true;
}

void Fetch::tellRepositoryShallow() {
  tellCut(cutAtDepth(history_, wantedCommits(), kInfiniteDepth));
  tellUncut();
}

void Fetch::tellCut(const std::vector<Node>& cut) {
  for (const Node node : cut) {
    cutHistory_ = true;
    if (history_.has(node, History::clientShallow | History::unshallowed)) continue;
    out_.line("shallow " + history_.id(node).hex());
  }
  for (const Node node : cut)
    history_.set(node, History::shallow);
}

void Fetch::tellUncut() {
  for (const Node node : clientShallow_) {
    if (history_.has(node, History::unshallowed)) {
      out_.line("unshallow " + history_.id(node).hex());
      const auto parents = history_.trueParents(node);
      for (const Node parent : std::vector<Node>(parents.begin(), parents.end())) {
        if (wanted_.insert(history_.id(parent)).second) wants_.push_back(history_.id(parent));
      }
      edges_.push_back(history_.id(node));
    }
    // The client has it without its parents, whatever comes now.
    history_.set(node, History::shallow);
  }
}

void Fetch::sendPack() {
  Wire& wire = context_.wire;
  out_.send();
  PackSelection selection{wants_, haves_, filter, {}, false};
  selection.haves.insert(selection.haves.end(), edges_.begin(), edges_.end());
  selection.shallow = cutHistory_ || !clientShallow_.empty();
  if (options.includeTag) selection.tags = refs_.tags();
  const bool framed = options.band != BandSize::none;
  if (framed) wire.useSideBand();
  const bool shows = framed && !options.noProgress;
  auto last = std::chrono::steady_clock::now();
  const auto show = [&](std::uint64_t count) {
    const auto now = std::chrono::steady_clock::now();
    if (now - last < kProgressEvery) return;
    last = now;
    wire.writeProgress("Enumerating objects: " + std::to_string(count) + "\r");
  };
  const PlanWatch watch{wire.clientGone(), shows ? std::function<void(std::uint64_t)>(show) : nullptr};
  const PackPlan plan = planPack(history_, selection, watch);
  if (shows) wire.writeProgress("Enumerating objects: " + std::to_string(plan.selected.size()) + ", done.\n");
  const PackStyle style{options.offsetDeltas, options.thinPack};
  PackStats stats;
  if (framed) {
    DataBand band(wire, options.band == BandSize::small ? kSmallBandPayload : kMaxPktPayload);
    stats = writePack(context_.objects, plan, style, band, wire.clientGone());
    band.flush();
  } else {
    PlainSink sink(wire);
    stats = writePack(context_.objects, plan, style, sink, wire.clientGone());
  }
  if (shows)
    wire.writeProgress("Total " + std::to_string(stats.objects) + " (delta " + std::to_string(stats.deltas) +
                       "), reused " + std::to_string(stats.reused) + "\n");
  if (!framed) return;
  wire.write(kFlushPkt);
  // Not when this fails: what is said then must be framed as well.
  wire.endSideBand();
}

}  // namespace git::detail
