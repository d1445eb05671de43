#include "gitd/detail/serve_command.h"

#include <variant>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "git/pkt_line.h"
#include "git/upload_pack.h"
#include "gitd/detail/receive_pack.h"
#include "gitd/detail/ssh_command.h"

namespace gitd::detail {
namespace {

/// A command's stream. A terminal in raw mode needs the carriage return that it would otherwise add itself.
class TextSink : public base::ByteSink {
 public:
  TextSink(ChannelIo& io, ChannelIo::Stream stream, bool terminal)
      : io_(io), stream_(stream), terminal_(terminal) {}

  void write(std::string_view bytes) override {
    if (!terminal_) return io_.writeText(stream_, bytes);
    std::string text;
    text.reserve(bytes.size() + 16);
    for (const char c : bytes) {
      if (c == '\n') text.push_back('\r');
      text.push_back(c);
    }
    io_.writeText(stream_, text);
  }

 private:
  ChannelIo& io_;
  ChannelIo::Stream stream_;
  bool terminal_;
};

/// The whole channel, for a command that talks with its user.
class ChannelInteraction : public base::Interaction {
 public:
  ChannelInteraction(ChannelIo& io, const ExecRequest& request)
      : io_(io), request_(request), out_(io, ChannelIo::Stream::out, false) {}
  std::optional<base::TerminalSize> terminal() const override { return request_.terminal; }
  std::string terminalType() const override { return request_.terminalType; }
  void begin(std::function<void(base::TerminalSize)> resized) override { io_.takeKeys(std::move(resized)); }
  base::ByteSink& output() override { return out_; }
  std::size_t read(char* buffer, std::size_t capacity) override { return io_.read(buffer, capacity); }
  void endInput() override { io_.stopReading(); }

 private:
  ChannelIo& io_;
  const ExecRequest& request_;
  TextSink out_;
};

class ChannelStreams : public CommandStreams {
 public:
  ChannelStreams(ChannelIo& io, const ExecRequest& request)
      : out_(io, ChannelIo::Stream::out, request.terminal.has_value()),
        err_(io, ChannelIo::Stream::err, request.terminal.has_value()),
        interaction_(io, request) {}
  base::ByteSink& out() override { return out_; }
  base::ByteSink& err() override { return err_; }
  base::Interaction& interaction() override { return interaction_; }

 private:
  TextSink out_;
  TextSink err_;
  ChannelInteraction interaction_;
};

/// Where git shows it: an ERR would not do after the protocol has begun.
void say(ChannelIo& io, const std::string& sentence) {
  if (io.usesSideBand()) {
    io.write(ChannelIo::Stream::out, git::pktLine("\3fairlead: " + sentence + "\n"));
  } else {
    io.writeText(ChannelIo::Stream::err, "fairlead: " + sentence + "\n");
  }
}

int serveUploadPack(const ServiceContext& context, const RepositoryAccess& access) {
  git::UploadPackSettings settings;
  settings.agent = kAgent;
  settings.allowFilter = true;
  settings.allowRefInWant = true;
  settings.advertiseObjectInfo = true;
  // What a forced push left behind is nobody's to fetch.
  settings.wants = settings.wantsV2 = git::WantRule::reachableCommits;
  const git::Repository repository = git::openBareRepository(access.path);
  git::uploadPack(context.io, {repository, settings, context.protocol});
  return 0;
}

int serveGit(const ServiceContext& context, const GitCommand& command) {
  if (command.service == GitService::uploadArchive) {
    say(context.io, "git archive is not served: clone the repository instead");
    return 1;
  }
  std::optional<RepositoryAccess> repository;
  if (isRepositoryName(command.name))
    repository = context.handler.openRepository(context.identity, command.name);
  if (!repository) {
    const std::string name = base::printable(command.name, 63);
    say(context.io, "no app \"" + name + "\" that you may use; create it with: apps:create " +
                        (isRepositoryName(name) ? name : "NAME"));
    return 1;
  }
  return command.service == GitService::receivePack ? receivePack(context, *repository)
                                                    : serveUploadPack(context, *repository);
}

int serve(const ServiceContext& context, const ExecRequest& request) {
  const SshCommand command = parseSshCommand(request.commandLine);
  if (const auto* bad = std::get_if<BadCommand>(&command)) {
    say(context.io, bad->problem);
    return 2;
  }
  if (const auto* git = std::get_if<GitCommand>(&command)) return serveGit(context, *git);
  ChannelStreams streams(context.io, request);
  return context.handler.runCommand(context.identity, std::get<PlainCommand>(command).argv, streams,
                                    context.io.clientGone());
}

/// A failure told and logged, once; what the client did wrong is not the operator's business.
int fail(const ServiceContext& context, const std::exception& failure) {
  const auto* error = dynamic_cast<const base::Error*>(&failure);
  const base::Errc code = error ? error->code() : base::Errc::internal;
  const base::Log log("gitd");
  if (code == base::Errc::cancelled) {
    log.debug("session cancelled", {{"peer", context.peer}});
    return 1;
  }
  const bool ours = code == base::Errc::internal || code == base::Errc::io || code == base::Errc::diskFull ||
                    code == base::Errc::unavailable || code == base::Errc::corrupt;
  if (ours) {
    log.error("session failed",
              {{"peer", context.peer}, {"user", context.identity.user}, {"error", failure.what()}});
  } else {
    log.debug("session failed", {{"peer", context.peer}, {"error", failure.what()}});
  }
  say(context.io, error ? base::printable(failure.what(), 400) : "internal error");
  return 1;
}

}  // namespace

void serveCommand(const ServiceContext& context, const ExecRequest& request) noexcept {
  int status = 1;
  try {
    try {
      status = serve(context, request);
    } catch (const std::exception& failure) {
      status = fail(context, failure);
    }
  } catch (...) {
    // The client went away while it was told why.
  }
  context.io.finish(status);
}

}  // namespace gitd::detail
