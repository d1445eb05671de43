#include "git/detail/proc_receive.h"

#include <algorithm>

#include "base/error.h"
#include "base/fd.h"
#include "base/strings.h"
#include "git/pkt_line.h"

namespace git::detail {
namespace {

class FdSource : public base::ByteSource {
 public:
  explicit FdSource(const base::Fd& fd) : fd_(fd) {}
  std::size_t read(char* buffer, std::size_t capacity) override {
    return base::readSome(fd_, buffer, capacity);
  }

 private:
  const base::Fd& fd_;
};

/// "WORD REST" split at the first space.
std::pair<std::string, std::string> splitWord(const std::string& line) {
  const std::size_t space = line.find(' ');
  if (space == std::string::npos) return {line, ""};
  return {line.substr(0, space), line.substr(space + 1)};
}

class Conversation {
 public:
  Conversation(Push& push, std::set<const PushCommand*>& commands) : push_(push), commands_(commands) {}

  void talk(const base::Fd& from, const base::Fd& to) {
    FdSource source(from);
    PktReader reader(source);
    if (!greet(reader, to)) {
      if (error_.empty()) error_ = "fail to negotiate version with proc-receive hook";
      return;
    }
    std::string text;
    for (const PushCommand& command : push_.commands) {
      if (commands_.contains(&command) && command.isLeft())
        appendPkt(text, command.oldId.hex() + " " + command.newId.hex() + " " + command.ref);
    }
    text.append(kFlushPkt);
    if (wantsOptions_) {
      for (const std::string& option : push_.options)
        appendPkt(text, option);
      text.append(kFlushPkt);
    }
    if (!send(to, text)) {
      error_ = "fail to write commands to proc-receive hook";
      return;
    }
    ok_ = readReport(reader);
  }

  const std::set<const PushCommand*>& fallThrough() const noexcept { return fallThrough_; }
  bool ok() const noexcept { return ok_ && error_.empty(); }
  std::string error() const { return error_.ends_with('\n') ? error_.substr(0, error_.size() - 1) : error_; }

 private:
  static bool send(const base::Fd& to, const std::string& text) {
    try {
      base::writeAll(to, text);
      return true;
    } catch (const base::Error&) {
      return false;  // the hook has closed its input
    }
  }

  std::optional<std::string> nextLine(PktReader& reader, bool& ended) {
    try {
      const Pkt pkt = reader.next();
      ended = pkt.kind == PktKind::endOfInput;
      if (pkt.kind != PktKind::data) return std::nullopt;
      return std::string(pkt.payload);
    } catch (const base::Error&) {
      ended = true;  // what the hook says is no packet
      return std::nullopt;
    }
  }

  bool greet(PktReader& reader, const base::Fd& to) {
    std::string capabilities;
    if (push_.atomic) capabilities += " atomic";
    if (push_.optionsGiven) capabilities += " push-options";
    std::string version = "version=1";
    if (!capabilities.empty()) version.append(1, '\0').append(capabilities.substr(1));
    std::string text = pktLine(version.append("\n"));
    if (!send(to, text.append(kFlushPkt))) return false;
    bool ended = false;
    while (const auto line = nextLine(reader, ended)) {
      if (!line->starts_with("version=")) continue;
      const std::size_t nul = line->find('\0');
      const std::string number = line->substr(8, nul == std::string::npos ? nul : nul - 8);
      if (number != "1" && number != "0") {
        error_ = "proc-receive version '" + base::printable(number) + "' is not supported";
        return false;
      }
      if (nul == std::string::npos) continue;
      const auto words = base::split(std::string_view(*line).substr(nul + 1), ' ');
      wantsOptions_ = std::find(words.begin(), words.end(), "push-options") != words.end();
    }
    return !ended;
  }

  bool readReport(PktReader& reader) {
    bool good = true;
    bool ended = false;
    int lines = 0;
    while (auto line = nextLine(reader, ended)) {
      ++lines;
      good = take(*line) && good;
    }
    if (ended && lines == 0) {
      error_ = "proc-receive exited abnormally";
      good = false;
    }
    if (good || lines > 0) {
      for (PushCommand& command : push_.commands) {
        if (!commands_.contains(&command) || command.refusal || command.handled ||
            fallThrough_.contains(&command))
          continue;
        command.refuse("proc-receive failed to report status");
        good = false;
      }
    }
    return good;
  }

  bool take(const std::string& line) {
    const auto [word, rest] = splitWord(line);
    if (rest.empty()) return wrong("proc-receive reported incomplete status line: '" + line + "'");
    if (word == "option") return takeOption(rest);
    current_ = nullptr;
    const auto [ref, reason] = splitWord(rest);
    if (word != "ok" && word != "ng")
      return wrong("proc-receive reported bad status '" + word + "' on ref '" + ref + "'");
    const auto found =
        std::find_if(push_.commands.begin(), push_.commands.end(),
                     [&name = ref](const PushCommand& command) { return command.ref == name; });
    if (found == push_.commands.end()) return wrong("proc-receive reported status on unknown ref: " + ref);
    if (!commands_.contains(&*found)) return wrong("proc-receive reported status on unexpected ref: " + ref);
    found->handled = true;
    if (word == "ng") {
      found->refusal = reason.empty() ? "failed" : reason;
      return false;
    }
    current_ = &*found;
    newReport_ = true;
    return true;
  }

  bool takeOption(const std::string& text) {
    if (!current_) {
      if (saidStray_) return false;
      saidStray_ = true;
      return wrong("proc-receive reported 'option' without a matching 'ok/ng' directive");
    }
    if (newReport_) current_->reports.emplace_back();
    newReport_ = false;
    PushReport& report = current_->reports.back();
    const auto [key, value] = splitWord(text);
    const ObjectFormat format = push_.repository.format;
    if (key == "refname") report.ref = value;
    if (key == "old-oid") report.oldId = ObjectId::parse(format, value);
    if (key == "new-oid") report.newId = ObjectId::parse(format, value);
    if (key == "forced-update") report.forced = true;
    if (key == "fall-through") {
      current_->handled = false;
      fallThrough_.insert(current_);
    }
    return true;
  }

  bool wrong(const std::string& why) {
    error_ += why + "\n";
    return false;
  }

  Push& push_;
  std::set<const PushCommand*>& commands_;
  PushCommand* current_ = nullptr;
  std::set<const PushCommand*> fallThrough_;
  bool newReport_ = false;
  bool saidStray_ = false;
  bool wantsOptions_ = false;
  bool ok_ = false;
  std::string error_;
};

struct Pattern {
  bool add = true;
  bool remove = true;
  bool modify = true;
  bool negative = false;
  std::string prefix;
};

Pattern parsePattern(const std::string& text) {
  Pattern pattern;
  const std::size_t colon = text.find(':');
  if (colon != std::string::npos) {
    const std::string flags = text.substr(0, colon);
    pattern.add = flags.find('a') != std::string::npos;
    pattern.remove = flags.find('d') != std::string::npos;
    pattern.modify = flags.find('m') != std::string::npos;
    pattern.negative = flags.find('!') != std::string::npos;
  }
  pattern.prefix = colon == std::string::npos ? text : text.substr(colon + 1);
  while (pattern.prefix.ends_with('/'))
    pattern.prefix.pop_back();
  return pattern;
}

bool matches(const std::vector<Pattern>& patterns, const PushCommand& command) {
  for (const Pattern& pattern : patterns) {
    if (command.isCreate() ? !pattern.add : command.isDelete() ? !pattern.remove : !pattern.modify) continue;
    const bool fits =
        command.ref.starts_with(pattern.prefix) &&
        (command.ref.size() == pattern.prefix.size() || command.ref[pattern.prefix.size()] == '/');
    if (fits != pattern.negative) return true;
  }
  return false;
}

}  // namespace

std::set<const PushCommand*> matchProcReceive(const std::vector<std::string>& patterns,
                                              const std::vector<PushCommand>& commands) {
  std::vector<Pattern> parsed;
  for (const std::string& pattern : patterns)
    parsed.push_back(parsePattern(pattern));
  std::set<const PushCommand*> found;
  for (const PushCommand& command : commands) {
    if (command.isLeft() && matches(parsed, command)) found.insert(&command);
  }
  return found;
}

bool runProcReceive(const HookCall& call, Push& push, std::set<const PushCommand*>& commands) {
  Conversation conversation(push, commands);
  const base::ExitStatus status =
      runTalkingHook(call, push.wire, [&](base::Fd& from, base::Fd& to) { conversation.talk(from, to); });
  if (!conversation.error().empty()) push.wire.writeProgress("error: " + conversation.error() + "\n");
  for (const PushCommand* command : conversation.fallThrough())
    commands.erase(command);
  return status.ok() && conversation.ok();
}

}  // namespace git::detail
