#include "gitd/detail/upload_pack_v2.h"

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "git/pkt_line.h"
#include "gitd/detail/fetch_session.h"

namespace gitd::detail {
namespace {

constexpr std::size_t kMaxArguments = 200'000;

struct Request {
  std::string command;  ///< empty: the client has left
  std::vector<std::string> arguments;
};

class UploadPackV2 {
 public:
  UploadPackV2(const ServiceContext& context, const RepositoryAccess& repository)
      : context_(context), repository_(repository), reader_(context.io) {}

  int run() {
    std::string out;
    git::appendPkt(out, "version 2\n");
    git::appendPkt(out, "agent=" + std::string(kAgent) + "\n");
    git::appendPkt(out, "ls-refs=unborn\n");
    git::appendPkt(out, "fetch\n");
    git::appendPkt(out, "object-format=sha1\n");
    send(out.append(git::kFlushPkt));
    while (true) {
      const Request request = readRequest();
      if (request.command.empty()) return 0;
      if (request.command == "ls-refs") {
        listRefs(request);
      } else if (request.command == "fetch") {
        fetch(request);
      } else {
        throw base::Error(base::Errc::invalidArgument,
                          "unknown command '" + base::printable(request.command) + "'");
      }
    }
  }

 private:
  void send(std::string_view bytes) { context_.io.write(ChannelIo::Stream::out, bytes); }

  Request readRequest() {
    Request request;
    bool inArguments = false;
    while (true) {
      const git::Pkt pkt = reader_.next();
      if (pkt.kind == git::PktKind::flush || pkt.kind == git::PktKind::endOfInput) return request;
      if (pkt.kind == git::PktKind::delim) {
        inArguments = true;
      } else if (inArguments) {
        if (request.arguments.size() == kMaxArguments)
          throw base::Error(base::Errc::invalidArgument, "a request has too many lines");
        request.arguments.emplace_back(pkt.payload);
      } else if (pkt.payload.starts_with("command=")) {
        request.command = pkt.payload.substr(8);
      } else if (pkt.payload.starts_with("object-format=") && pkt.payload != "object-format=sha1") {
        throw base::Error(base::Errc::invalidArgument, "only sha1 repositories are served");
      }
    }
  }

  static bool matches(const std::vector<std::string>& prefixes, std::string_view name) {
    return prefixes.empty() || std::any_of(prefixes.begin(), prefixes.end(), [&](const std::string& prefix) {
             return name.starts_with(prefix);
           });
  }

  void listRefs(const Request& request) {
    const FetchSession session(context_, repository_);
    const auto asks = [&](std::string_view word) {
      return std::find(request.arguments.begin(), request.arguments.end(), word) != request.arguments.end();
    };
    std::vector<std::string> prefixes;
    for (const std::string& argument : request.arguments) {
      if (argument.starts_with("ref-prefix ")) prefixes.push_back(argument.substr(11));
    }
    std::string out;
    const bool unborn = session.headId().empty();
    if (matches(prefixes, "HEAD") && session.headTarget() && (!unborn || asks("unborn"))) {
      std::string line = (unborn ? "unborn" : session.headId()) + " HEAD";
      if (asks("symrefs")) line += " symref-target:" + *session.headTarget();
      git::appendPkt(out, line + "\n");
    }
    for (const AdvertisedRef& ref : session.refs()) {
      if (!matches(prefixes, ref.name)) continue;
      std::string line = ref.id + " " + ref.name;
      if (ref.peeled && asks("peel")) line += " peeled:" + *ref.peeled;
      git::appendPkt(out, line + "\n");
    }
    send(out.append(git::kFlushPkt));
  }

  void fetch(const Request& request) {
    FetchSession session(context_, repository_);
    bool done = false;
    bool waitForDone = false;
    std::vector<std::string> acknowledged;
    for (const std::string& argument : request.arguments) {
      if (argument.starts_with("want ")) {
        session.want(argument.substr(5));
      } else if (argument.starts_with("have ")) {
        if (session.have(argument.substr(5))) acknowledged.push_back(argument.substr(5));
      } else if (argument == "done") {
        done = true;
      } else if (argument == "wait-for-done") {
        waitForDone = true;
      } else if (argument.starts_with("shallow ") || argument.starts_with("deepen") ||
                 argument.starts_with("filter ")) {
        throw base::Error(base::Errc::invalidArgument,
                          "shallow and partial clones are not supported yet: clone without --depth");
      }
    }
    if (!session.wantsAnything() && !waitForDone) return send(git::kFlushPkt);
    std::string out;
    if (!done) {
      git::appendPkt(out, "acknowledgments\n");
      if (acknowledged.empty()) git::appendPkt(out, "NAK\n");
      for (const std::string& id : acknowledged)
        git::appendPkt(out, "ACK " + id + "\n");
      if (waitForDone || !session.ready()) return send(out.append(git::kFlushPkt));
      git::appendPkt(out, "ready\n");
      out.append(git::kDelimPkt);
    }
    git::appendPkt(out, "packfile\n");
    send(out);
    session.sendPack(Framing::sideBand);
  }

  const ServiceContext& context_;
  const RepositoryAccess& repository_;
  git::PktReader reader_;
};

}  // namespace

int uploadPackV2(const ServiceContext& context, const RepositoryAccess& repository) {
  return UploadPackV2(context, repository).run();
}

}  // namespace gitd::detail
