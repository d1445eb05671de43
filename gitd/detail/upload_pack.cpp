#include "gitd/detail/upload_pack.h"

#include <set>

#include "base/error.h"
#include "base/strings.h"
#include "git/pkt_line.h"
#include "gitd/detail/fetch_session.h"
#include "gitd/detail/upload_pack_v2.h"

namespace gitd::detail {
namespace {

/// Protocol 0 and 1. (gitprotocol-pack, "Packfile Negotiation".)
class UploadPack {
 public:
  UploadPack(const ServiceContext& context, const RepositoryAccess& repository)
      : context_(context), reader_(context.io), session_(context, repository) {}

  int run() {
    advertise();
    if (!readWants()) return 0;
    if (!negotiate()) return 0;
    session_.sendPack(capabilities_.contains("side-band-64k") ? Framing::sideBand : Framing::raw);
    return 0;
  }

 private:
  void send(std::string_view line) {
    context_.io.write(ChannelIo::Stream::out, git::pktLine(std::string(line) + "\n"));
  }

  void advertise() {
    std::string capabilities =
        "multi_ack_detailed side-band-64k ofs-delta no-progress no-done object-format=sha1 agent=";
    capabilities.append(kAgent);
    if (!session_.headId().empty()) capabilities.append(" symref=HEAD:").append(*session_.headTarget());
    std::string out;
    if (context_.protocol == 1) git::appendPkt(out, "version 1\n");
    bool first = true;
    const auto line = [&](const std::string& id, const std::string& name) {
      std::string text = id + " " + name;
      if (first) text.append(1, '\0').append(capabilities);
      first = false;
      git::appendPkt(out, text.append("\n"));
    };
    if (!session_.headId().empty()) line(session_.headId(), "HEAD");
    for (const AdvertisedRef& ref : session_.refs()) {
      line(ref.id, ref.name);
      if (ref.peeled) line(*ref.peeled, ref.name + "^{}");
    }
    if (first) line(std::string(40, '0'), "capabilities^{}");
    out.append(git::kFlushPkt);
    context_.io.write(ChannelIo::Stream::out, out);
  }

  bool readWants() {
    for (git::Pkt pkt = reader_.next(); pkt.kind == git::PktKind::data; pkt = reader_.next()) {
      if (!pkt.payload.starts_with("want ")) {
        throw base::Error(base::Errc::invalidArgument,
                          "shallow and partial clones are not supported yet: clone without --depth");
      }
      if (!session_.wantsAnything()) {
        for (std::string& word :
             base::split(pkt.payload.substr(std::min<std::size_t>(45, pkt.payload.size())), ' '))
          capabilities_.insert(std::move(word));
      }
      session_.want(std::string(pkt.payload.substr(5, 40)));
    }
    return session_.wantsAnything();
  }

  /// False when the client has left.
  bool negotiate() {
    const bool detailed = capabilities_.contains("multi_ack_detailed");
    bool sentReady = false;
    while (true) {
      const git::Pkt pkt = reader_.next();
      if (pkt.kind == git::PktKind::endOfInput) return false;
      if (pkt.kind == git::PktKind::flush) {
        if (detailed && session_.hasCommon() && session_.ready()) {
          send("ACK " + session_.lastCommon() + " ready");
          sentReady = true;
        }
        if (detailed || !session_.hasCommon()) send("NAK");
        if (sentReady && capabilities_.contains("no-done")) break;
      } else if (pkt.payload == "done") {
        if (!session_.hasCommon()) {
          send("NAK");
          return true;
        }
        break;
      } else if (pkt.payload.starts_with("have ")) {
        const std::string id(pkt.payload.substr(5));
        const bool first = !session_.hasCommon();
        if (session_.have(id) && (detailed || first)) send("ACK " + id + (detailed ? " common" : ""));
      } else {
        throw base::Error(base::Errc::invalidArgument, "protocol error: expected have or done");
      }
    }
    send("ACK " + session_.lastCommon());
    return true;
  }

  const ServiceContext& context_;
  git::PktReader reader_;
  FetchSession session_;
  std::set<std::string> capabilities_;
};

}  // namespace

int uploadPack(const ServiceContext& context, const RepositoryAccess& repository) {
  if (context.protocol == 2) return uploadPackV2(context, repository);
  return UploadPack(context, repository).run();
}

}  // namespace gitd::detail
