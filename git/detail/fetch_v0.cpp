#include "git/detail/fetch_v0.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/strings.h"

namespace git::detail {
namespace {

enum class MultiAck { no, yes, detailed };

std::string capabilities(const FetchContext& context, const AdvertisedRefs& refs) {
  const UploadPackSettings& settings = context.settings();
  std::string text =
      "multi_ack thin-pack side-band side-band-64k ofs-delta shallow deepen-since deepen-not deepen-relative "
      "no-progress include-tag multi_ack_detailed";
  if (settings.allowHiddenTips || settings.wants == WantRule::any) text.append(" allow-tip-sha1-in-want");
  if (settings.wants != WantRule::tips) text.append(" allow-reachable-sha1-in-want");
  text.append(" no-done");
  if (!refs.shown().empty() && refs.shown().front().name == "HEAD" && !refs.shown().front().target.empty())
    text.append(" symref=HEAD:").append(refs.shown().front().target);
  if (settings.allowFilter) text.append(" filter");
  if (settings.sessionId) text.append(" session-id=").append(*settings.sessionId);
  text.append(" object-format=").append(name(context.objects.format()));
  return text.append(" agent=").append(settings.agent);
}

class FetchV0 {
 public:
  FetchV0(const FetchContext& context, const AdvertisedRefs& refs)
      : context_(context), reader_(context.wire), fetch_(context, refs) {}

  void run() {
    readWants();
    if (!fetch_.wantsAnything()) return;
    if (fetch_.knowsShallow() && fetch_.tellShallow()) fetch_.out().flushPacket();
    fetch_.out().send();
    if (negotiate()) fetch_.sendPack();
  }

 private:
  void say(const std::string& line) {
    fetch_.out().line(line);
    fetch_.out().send();
  }

  void readWants() {
    for (Pkt pkt = reader_.next(); pkt.kind == PktKind::data; pkt = reader_.next()) {
      const std::string line(pkt.payload);
      if (fetch_.takeShallowLine(line)) continue;
      if (line.starts_with("filter ")) {
        if (!takesFilter_)
          throw base::Error(base::Errc::invalidArgument,
                            "git upload-pack: filtering capability not negotiated");
        fetch_.setFilter(std::string_view(line).substr(7));
      } else {
        readWant(line);
      }
    }
  }

  void readWant(const std::string& line) {
    const std::size_t idEnd = 5 + 2 * idSize(context_.objects.format());
    const auto id = line.starts_with("want ") ? ObjectId::parse(context_.objects.format(),
                                                                std::string_view(line).substr(5, idEnd - 5))
                                              : std::nullopt;
    if (!id) {
      throw base::Error(
          base::Errc::invalidArgument,
          "git upload-pack: protocol error, expected to get object ID, not '" + base::printable(line) + "'");
    }
    takeCapabilities(std::string_view(line).substr(std::min(idEnd, line.size())));
    fetch_.want(*id, context_.settings().wants);
  }

  void takeCapabilities(std::string_view text) {
    if (text.empty()) return;
    std::set<std::string> words;
    for (std::string& word : base::split(text, ' '))
      words.insert(std::move(word));
    const auto has = [&](const char* word) { return words.contains(word); };
    FetchOptions& options = fetch_.options;
    if (has("deepen-relative")) fetch_.deepenRelative();
    if (has("multi_ack_detailed")) {
      multiAck_ = MultiAck::detailed;
    } else if (has("multi_ack")) {
      multiAck_ = MultiAck::yes;
    }
    if (has("side-band-64k")) {
      options.band = BandSize::large;
    } else if (has("side-band")) {
      options.band = BandSize::small;
    }
    noDone_ = noDone_ || has("no-done");
    options.thinPack = options.thinPack || has("thin-pack");
    options.offsetDeltas = options.offsetDeltas || has("ofs-delta");
    options.noProgress = options.noProgress || has("no-progress");
    options.includeTag = options.includeTag || has("include-tag");
    takesFilter_ = takesFilter_ || (context_.settings().allowFilter && has("filter"));
  }

  /// False when the client has left.
  bool negotiate() {
    while (true) {
      const Pkt pkt = reader_.next();
      if (pkt.kind == PktKind::endOfInput) return false;
      if (pkt.kind != PktKind::data) {
        if (endRound()) return true;
      } else if (pkt.payload == "done") {
        if (fetch_.commonCount() == 0) {
          say("NAK");
        } else if (multiAck_ != MultiAck::no) {
          say("ACK " + lastCommon_);
        }
        return true;
      } else if (pkt.payload.starts_with("have ")) {
        takeHave(std::string(pkt.payload));
      } else {
        throw base::Error(base::Errc::invalidArgument,
                          "git upload-pack: expected SHA1 list, got '" + base::printable(pkt.payload) + "'");
      }
    }
  }

  /// True when the pack can be sent without a "done".
  bool endRound() {
    if (multiAck_ == MultiAck::detailed && gotCommon_ && !gotOther_ && fetch_.ready()) {
      sentReady_ = true;
      say("ACK " + lastCommon_ + " ready");
    }
    if (fetch_.commonCount() == 0 || multiAck_ != MultiAck::no) say("NAK");
    if (noDone_ && sentReady_) {
      say("ACK " + lastCommon_);
      return true;
    }
    gotCommon_ = gotOther_ = false;
    return false;
  }

  void takeHave(const std::string& line) {
    const ObjectId id = fetch_.parseId(std::string_view(line).substr(5), line);
    if (!fetch_.have(id)) {
      gotOther_ = true;
      if (multiAck_ == MultiAck::no || !fetch_.ready()) return;
      sentReady_ = sentReady_ || multiAck_ == MultiAck::detailed;
      say("ACK " + id.hex() + (multiAck_ == MultiAck::detailed ? " ready" : " continue"));
      return;
    }
    gotCommon_ = true;
    lastCommon_ = id.hex();
    if (multiAck_ != MultiAck::no) {
      say("ACK " + lastCommon_ + (multiAck_ == MultiAck::detailed ? " common" : " continue"));
    } else if (fetch_.commonCount() == 1) {
      say("ACK " + lastCommon_);
    }
  }

  const FetchContext& context_;
  PktReader reader_;
  Fetch fetch_;
  MultiAck multiAck_ = MultiAck::no;
  bool noDone_ = false;
  bool takesFilter_ = false;
  bool gotCommon_ = false;
  bool gotOther_ = false;
  bool sentReady_ = false;
  std::string lastCommon_;
};

}  // namespace

void advertiseV0(const FetchContext& context, const AdvertisedRefs& refs) {
  std::string out;
  if (context.run.protocol == 1) appendPkt(out, "version 1\n");
  std::string tail(1, '\0');
  tail.append(capabilities(context, refs));
  const auto line = [&](const ObjectId& id, const std::string& refName) {
    std::string text = id.hex();
    text.append(" ").append(refName).append(tail).append("\n");
    tail.clear();
    appendPkt(out, text);
  };
  for (const ShownRef& ref : refs.shown()) {
    line(ref.id, ref.name);
    if (ref.peeled) line(*ref.peeled, ref.name + "^{}");
  }
  if (!tail.empty()) line(ObjectId::null(context.objects.format()), "capabilities^{}");
  for (const ObjectId& id : readShallowBoundary(context.run.repository))
    appendPkt(out, "shallow " + id.hex() + "\n");
  out.append(kFlushPkt);
  context.wire.write(out);
}

void serveFetchV0(const FetchContext& context, const AdvertisedRefs& refs) {
  FetchV0(context, refs).run();
}

}  // namespace git::detail
