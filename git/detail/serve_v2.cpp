#include "git/detail/serve_v2.h"

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "git/detail/ls_refs.h"

namespace git::detail {
namespace {

constexpr std::size_t kMaxArguments = 1'000'000;
constexpr std::size_t kMaxArgumentBytes = 128u << 20;

[[noreturn]] void refuse(const std::string& why) {
  throw base::Error(base::Errc::invalidArgument, why);
}

bool isCommand(std::string_view word, const UploadPackSettings& settings) {
  return word == "ls-refs" || word == "fetch" || (word == "object-info" && settings.advertiseObjectInfo);
}

void takeCapability(std::string_view line, V2Request& request, const FetchContext& context) {
  if (line.starts_with("command=")) {
    const std::string_view word = line.substr(8);
    if (!request.command.empty())
      refuse("command '" + base::printable(word) + "' requested after already requesting command '" +
             request.command + "'");
    if (!isCommand(word, context.settings())) refuse("invalid command '" + base::printable(word) + "'");
    request.command = word;
  } else if (line.starts_with("object-format=")) {
    const std::string_view asked = line.substr(14);
    const std::string_view ours = name(context.objects.format());
    if (!parseObjectFormat(asked)) refuse("unknown object format '" + base::printable(asked) + "'");
    if (asked != ours)
      refuse("mismatched object format: server " + std::string(ours) + "; client " + std::string(asked));
  } else if (line != "agent" && !line.starts_with("agent=") && !line.starts_with("session-id=") &&
             !line.starts_with("server-option=")) {
    refuse("unknown capability '" + base::printable(line) + "'");
  }
}

class FetchV2 {
 public:
  FetchV2(const FetchContext& context, const AdvertisedRefs& refs)
      : context_(context), fetch_(context, refs) {
    fetch_.options.band = BandSize::large;
  }

  void run(const std::vector<std::string>& arguments) {
    for (const std::string& argument : arguments)
      take(argument);
    if (!fetch_.wantsAnything() && !fetch_.options.waitForDone) return;
    if (!haves_.empty() && !acknowledge()) return fetch_.out().send();
    // In the order that clients read them in.
    tellShallow();
    tellRefs();
    fetch_.out().line("packfile");
    fetch_.sendPack();
  }

 private:
  void take(const std::string& argument) {
    const std::string_view line = argument;
    const UploadPackSettings& settings = context_.settings();
    if (line.starts_with("want ")) {
      fetch_.want(fetch_.parseId(line.substr(5), line), settings.wantsV2);
    } else if (line.starts_with("have ")) {
      haves_.push_back(fetch_.parseId(line.substr(5), line));
    } else if (settings.allowRefInWant && line.starts_with("want-ref ")) {
      fetch_.wantRef(argument.substr(9));
    } else if (settings.allowFilter && line.starts_with("filter ")) {
      fetch_.setFilter(line.substr(7));
    } else if (settings.allowSideBandAll && line == "sideband-all") {
      fetch_.out().useSideBandAll();
    } else if (line == "deepen-relative") {
      fetch_.deepenRelative();
    } else if (!takeWord(line) && !fetch_.takeShallowLine(line) && !line.starts_with("packfile-uris ")) {
      refuse("unexpected line: '" + base::printable(line) + "'");
    }
  }

  bool takeWord(std::string_view word) {
    FetchOptions& options = fetch_.options;
    if (word == "thin-pack") {
      options.thinPack = true;
    } else if (word == "ofs-delta") {
      options.offsetDeltas = true;
    } else if (word == "no-progress") {
      options.noProgress = true;
    } else if (word == "include-tag") {
      options.includeTag = true;
    } else if (word == "done") {
      options.done = true;
    } else if (word == "wait-for-done") {
      options.waitForDone = true;
    } else {
      return false;
    }
    return true;
  }

  /// True when the pack follows.
  bool acknowledge() {
    std::vector<ObjectId> common;
    for (const ObjectId& id : haves_) {
      if (fetch_.have(id)) common.push_back(id);
    }
    if (fetch_.options.done) return true;
    PacketWriter& out = fetch_.out();
    out.line("acknowledgments");
    if (common.empty()) out.line("NAK");
    for (const ObjectId& id : common)
      out.line("ACK " + id.hex());
    const bool ready = !fetch_.options.waitForDone && fetch_.ready();
    if (ready) {
      out.line("ready");
      out.delimiter();
    } else {
      out.flushPacket();
    }
    return ready;
  }

  void tellRefs() {
    if (fetch_.wantedRefs().empty()) return;
    fetch_.out().line("wanted-refs");
    for (const auto& [refName, id] : fetch_.wantedRefs())
      fetch_.out().line(id.hex() + " " + refName);
    fetch_.out().delimiter();
  }

  void tellShallow() {
    if (!fetch_.knowsShallow() && !fetch_.repositoryIsShallow()) return;
    fetch_.out().line("shallow-info");
    if (!fetch_.tellShallow() && fetch_.repositoryIsShallow()) fetch_.tellRepositoryShallow();
    fetch_.out().delimiter();
  }

  const FetchContext& context_;
  Fetch fetch_;
  std::vector<ObjectId> haves_;
};

/// (gitprotocol-v2, object-info.)
void tellObjectInfo(const FetchContext& context, const std::vector<std::string>& arguments) {
  PacketWriter out(context.wire);
  const bool sizes = std::find(arguments.begin(), arguments.end(), "size") != arguments.end();
  if (sizes) out.line("size");
  for (const std::string& argument : arguments) {
    if (argument == "size") continue;
    if (!argument.starts_with("oid "))
      refuse("object-info: unexpected line: '" + base::printable(argument) + "'");
    const auto id = ObjectId::parse(context.objects.format(), std::string_view(argument).substr(4));
    if (!id)
      refuse("object-info: protocol error, expected to get oid, not '" + base::printable(argument) + "'");
    std::string line = id->hex();
    if (sizes) {
      const auto header = context.objects.findHeader(*id);
      line.append(" ").append(header ? std::to_string(header->size) : "");
    }
    out.line(line);
  }
  out.flushPacket();
  out.send();
}

}  // namespace

void advertiseV2(const FetchContext& context) {
  const UploadPackSettings& settings = context.settings();
  PacketWriter out(context.wire);
  out.line("version 2");
  out.line("agent=" + settings.agent);
  out.line(settings.unborn == UploadPackSettings::Unborn::advertise ? "ls-refs=unborn" : "ls-refs");
  std::string fetch = "fetch=shallow wait-for-done";
  if (settings.allowFilter) fetch.append(" filter");
  if (settings.allowRefInWant) fetch.append(" ref-in-want");
  if (settings.allowSideBandAll) fetch.append(" sideband-all");
  out.line(fetch);
  out.line("server-option");
  out.line("object-format=" + std::string(name(context.objects.format())));
  if (settings.sessionId) out.line("session-id=" + *settings.sessionId);
  if (settings.advertiseObjectInfo) out.line("object-info");
  out.flushPacket();
  out.send();
}

std::optional<V2Request> readV2Request(PktReader& reader, const FetchContext& context) {
  V2Request request;
  bool inArguments = false;
  bool any = false;
  std::size_t bytes = 0;
  while (true) {
    const Pkt pkt = reader.next();
    if (pkt.kind == PktKind::endOfInput && !any) return std::nullopt;
    if (pkt.kind == PktKind::flush && !any) return std::nullopt;
    if (pkt.kind == PktKind::flush) break;
    if (pkt.kind == PktKind::endOfInput) refuse("expected flush after " + request.command + " arguments");
    any = true;
    if (pkt.kind == PktKind::delim) {
      if (request.command.empty()) refuse("no command requested");
      inArguments = true;
    } else if (inArguments) {
      bytes += pkt.payload.size();
      if (request.arguments.size() == kMaxArguments || bytes > kMaxArgumentBytes)
        refuse("a request has too many lines");
      request.arguments.emplace_back(pkt.payload);
    } else {
      takeCapability(pkt.payload, request, context);
    }
  }
  if (request.command.empty()) refuse("no command requested");
  return request;
}

void serveV2(const FetchContext& context, Commands commands) {
  PktReader reader(context.wire);
  while (const auto request = readV2Request(reader, context)) {
    if (request->command == "ls-refs") {
      listRefsV2(context, request->arguments);
    } else if (request->command == "object-info") {
      tellObjectInfo(context, request->arguments);
    } else {
      const AdvertisedRefs refs(context.refs, context.objects, context.settings(), AdvertisedRefs::Peel::yes);
      FetchV2(context, refs).run(request->arguments);
    }
    if (commands == Commands::one) return;
  }
}

}  // namespace git::detail
