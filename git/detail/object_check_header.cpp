#include <algorithm>
#include <array>
#include <limits>
#include <optional>

#include "base/error.h"
#include "git/detail/object_check.h"

namespace git::detail {
namespace {

bool isDigit(char c) {
  return c >= '0' && c <= '9';
}

/// Takes "KEY " off the front.
bool takeKey(std::string_view& rest, std::string_view key) {
  if (!rest.starts_with(key) || rest.size() <= key.size() || rest[key.size()] != ' ') return false;
  rest.remove_prefix(key.size() + 1);
  return true;
}

/// Takes what is left of the line and its end; false when the end is not there.
bool takeLine(std::string_view& rest, std::string_view& line) {
  const std::size_t end = rest.find('\n');
  line = rest.substr(0, end);
  if (end == std::string_view::npos) return false;
  rest.remove_prefix(end + 1);
  return true;
}

class HeaderCheck {
 public:
  HeaderCheck(const ObjectId& id, std::string_view bytes, FsckReport& report)
      : id_(id),
        rest_(bytes),
        report_(report),
        enabled_(report.policy().enabled() && !report.policy().skips(id)) {}

  void tell(FsckMessage message, std::string_view text) {
    if (enabled_) report_.add(id_, message, text);
  }
  /// What makes the object unreadable is refused even with the checks off.
  [[noreturn]] void refuse(FsckMessage message, std::string_view text) const {
    throw base::Error(
        base::Errc::invalidArgument,
        "object " + id_.hex() + ": " + std::string(fsckMessageName(message)) + ": " + std::string(text));
  }

  bool enabled() const noexcept { return enabled_; }
  std::string_view& rest() noexcept { return rest_; }

  /// The header ends in an empty line, or the object in a line's end; no NUL in it.
  void frame() {
    for (std::size_t i = 0; i < rest_.size(); ++i) {
      if (rest_[i] == '\0')
        return tell(FsckMessage::nulInHeader, "unterminated header: NUL at offset " + std::to_string(i));
      if (rest_[i] == '\n' && i + 1 < rest_.size() && rest_[i + 1] == '\n') return;
    }
    if (!rest_.ends_with('\n')) tell(FsckMessage::unterminatedHeader, "unterminated header");
  }

  /// The id in a line whose key was taken.
  std::optional<ObjectId> takeId() {
    std::string_view line;
    if (!takeLine(rest_, line)) return std::nullopt;
    return ObjectId::parse(id_.format(), line);
  }

  /// The value of an author, committer or tagger line.
  void identity() {
    std::string_view line;
    takeLine(rest_, line);
    const Fault fault = findFault(line);
    if (!fault.text.empty())
      tell(fault.message, "invalid author/committer line - " + std::string(fault.text));
  }

 private:
  struct Fault {
    FsckMessage message = FsckMessage::badName;
    std::string_view text;
  };

  static Fault findFault(std::string_view line) {
    if (line.starts_with('<')) return {FsckMessage::missingNameBeforeEmail, "missing space before email"};
    std::size_t at = std::min(line.find_first_of("<>"), line.size());
    if (at == line.size()) return {FsckMessage::missingEmail, "missing email"};
    if (line[at] == '>') return {FsckMessage::badName, "bad name"};
    if (line[at - 1] != ' ') return {FsckMessage::missingSpaceBeforeEmail, "missing space before email"};
    at = line.find_first_of("<>", at + 1);
    if (at == std::string_view::npos || line[at] != '>') return {FsckMessage::badEmail, "bad email"};
    line.remove_prefix(at + 1);
    if (!line.starts_with(' ')) return {FsckMessage::missingSpaceBeforeDate, "missing space before date"};
    line.remove_prefix(1);
    return findDateFault(line);
  }

  static Fault findDateFault(std::string_view line) {
    if (line.starts_with('0') && !line.substr(1).starts_with(' '))
      return {FsckMessage::zeroPaddedDate, "zero-padded date"};
    constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    std::uint64_t seconds = 0;
    std::size_t at = 0;
    for (; at < line.size() && isDigit(line[at]); ++at) {
      const auto digit = static_cast<std::uint64_t>(line[at] - '0');
      if (seconds > (kMost - digit) / 10)
        return {FsckMessage::badDateOverflow, "date causes integer overflow"};
      seconds = seconds * 10 + digit;
    }
    if (at == 0 || at == line.size() || line[at] != ' ') return {FsckMessage::badDate, "bad date"};
    const std::string_view zone = line.substr(at + 1);
    const bool good = zone.size() == 5 && (zone[0] == '+' || zone[0] == '-') &&
                      std::all_of(zone.begin() + 1, zone.end(), isDigit);
    if (!good) return {FsckMessage::badTimezone, "bad time zone"};
    return {};
  }

  const ObjectId& id_;
  std::string_view rest_;
  FsckReport& report_;
  bool enabled_;
};

/// git check-ref-format, for the part behind "refs/tags/".
bool isTagName(std::string_view name) {
  if (name.empty() || name.ends_with('.') || name.ends_with('/') || name.starts_with('/')) return false;
  if (name.find("..") != std::string_view::npos || name.find("@{") != std::string_view::npos ||
      name.find("//") != std::string_view::npos)
    return false;
  constexpr std::string_view kBad = " ~^:?*[\\\x7f";
  if (std::any_of(name.begin(), name.end(), [&](char c) {
        return static_cast<unsigned char>(c) < 0x20 || kBad.find(c) != std::string_view::npos;
      }))
    return false;
  while (true) {
    const std::size_t slash = name.find('/');
    const std::string_view part = name.substr(0, slash);
    if (part.starts_with('.') || part.ends_with(".lock")) return false;
    if (slash == std::string_view::npos) return true;
    name.remove_prefix(slash + 1);
  }
}

}  // namespace

void checkCommit(const ObjectId& id, std::string_view bytes, FsckReport& report, LinkSink& sink) {
  HeaderCheck check(id, bytes, report);
  check.frame();
  std::string_view& rest = check.rest();
  if (!takeKey(rest, "tree")) check.refuse(FsckMessage::missingTree, "invalid format - expected 'tree' line");
  const auto tree = check.takeId();
  if (!tree) check.refuse(FsckMessage::badTreeSha1, "invalid 'tree' line format - bad sha1");
  sink.link(tree->data(), ObjectType::tree);
  while (takeKey(rest, "parent")) {
    const auto parent = check.takeId();
    if (!parent) check.refuse(FsckMessage::badParentSha1, "invalid 'parent' line format - bad sha1");
    sink.link(parent->data(), ObjectType::commit);
  }
  if (!check.enabled()) return;
  int authors = 0;
  for (; takeKey(rest, "author"); ++authors)
    check.identity();
  if (authors < 1) check.tell(FsckMessage::missingAuthor, "invalid format - expected 'author' line");
  if (authors > 1) check.tell(FsckMessage::multipleAuthors, "invalid format - multiple 'author' lines");
  if (!takeKey(rest, "committer"))
    return check.tell(FsckMessage::missingCommitter, "invalid format - expected 'committer' line");
  check.identity();
  if (bytes.find('\0') != std::string_view::npos)
    check.tell(FsckMessage::nulInCommit, "NUL byte in the commit object body");
}

void checkTag(const ObjectId& id, std::string_view bytes, FsckReport& report, LinkSink& sink) {
  HeaderCheck check(id, bytes, report);
  check.frame();
  std::string_view& rest = check.rest();
  std::string_view line;
  if (!takeKey(rest, "object"))
    check.refuse(FsckMessage::missingObject, "invalid format - expected 'object' line");
  const auto object = check.takeId();
  if (!object) check.refuse(FsckMessage::badObjectSha1, "invalid 'object' line format - bad sha1");
  if (!takeKey(rest, "type"))
    check.refuse(FsckMessage::missingTypeEntry, "invalid format - expected 'type' line");
  if (!takeLine(rest, line))
    check.refuse(FsckMessage::missingType, "invalid format - unexpected end after 'type' line");
  const auto type = parseObjectType(line);
  if (!type) check.refuse(FsckMessage::badType, "invalid 'type' value");
  sink.link(object->data(), *type);
  if (!check.enabled()) return;
  if (!takeKey(rest, "tag"))
    return check.tell(FsckMessage::missingTagEntry, "invalid format - expected 'tag' line");
  if (!takeLine(rest, line))
    return check.tell(FsckMessage::missingTag, "invalid format - unexpected end after 'type' line");
  if (!isTagName(line)) check.tell(FsckMessage::badTagName, "invalid 'tag' name: " + std::string(line));
  if (takeKey(rest, "tagger")) {
    check.identity();
  } else {
    check.tell(FsckMessage::missingTaggerEntry, "invalid format - expected 'tagger' line");
  }
  if (!rest.empty() && !rest.starts_with('\n'))
    check.tell(FsckMessage::extraHeaderEntry, "invalid format - extra header(s) after 'tagger'");
}

}  // namespace git::detail
