#include "git/fsck_policy.h"

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"

namespace git {
namespace {

constexpr auto kIgnore = Severity::ignore;
constexpr auto kWarn = Severity::warn;
constexpr auto kError = Severity::error;

struct MessageInfo {
  FsckMessage message;
  std::string_view name;
  Severity strict;
  Severity deployable;
};

// clang-format off
constexpr std::array<MessageInfo, static_cast<std::size_t>(FsckMessage::count)> kMessages = {{
    {FsckMessage::nulInHeader, "nulInHeader", kError, kError},
    {FsckMessage::unterminatedHeader, "unterminatedHeader", kError, kError},
    {FsckMessage::badDate, "badDate", kError, kWarn},
    {FsckMessage::badDateOverflow, "badDateOverflow", kError, kWarn},
    {FsckMessage::badEmail, "badEmail", kError, kWarn},
    {FsckMessage::badName, "badName", kError, kWarn},
    {FsckMessage::badObjectSha1, "badObjectSha1", kError, kError},
    {FsckMessage::badParentSha1, "badParentSha1", kError, kError},
    {FsckMessage::badTimezone, "badTimezone", kError, kWarn},
    {FsckMessage::badTree, "badTree", kError, kError},
    {FsckMessage::badTreeSha1, "badTreeSha1", kError, kError},
    {FsckMessage::badType, "badType", kError, kError},
    {FsckMessage::duplicateEntries, "duplicateEntries", kError, kError},
    {FsckMessage::missingAuthor, "missingAuthor", kError, kError},
    {FsckMessage::missingCommitter, "missingCommitter", kError, kError},
    {FsckMessage::missingEmail, "missingEmail", kError, kWarn},
    {FsckMessage::missingNameBeforeEmail, "missingNameBeforeEmail", kError, kWarn},
    {FsckMessage::missingObject, "missingObject", kError, kError},
    {FsckMessage::missingSpaceBeforeDate, "missingSpaceBeforeDate", kError, kWarn},
    {FsckMessage::missingSpaceBeforeEmail, "missingSpaceBeforeEmail", kError, kWarn},
    {FsckMessage::missingTag, "missingTag", kError, kError},
    {FsckMessage::missingTagEntry, "missingTagEntry", kError, kError},
    {FsckMessage::missingTree, "missingTree", kError, kError},
    {FsckMessage::missingType, "missingType", kError, kError},
    {FsckMessage::missingTypeEntry, "missingTypeEntry", kError, kError},
    {FsckMessage::multipleAuthors, "multipleAuthors", kError, kWarn},
    {FsckMessage::treeNotSorted, "treeNotSorted", kError, kError},
    {FsckMessage::unknownType, "unknownType", kError, kError},
    {FsckMessage::zeroPaddedDate, "zeroPaddedDate", kError, kWarn},
    {FsckMessage::gitmodulesMissing, "gitmodulesMissing", kError, kError},
    {FsckMessage::gitmodulesBlob, "gitmodulesBlob", kError, kError},
    {FsckMessage::gitmodulesLarge, "gitmodulesLarge", kError, kError},
    {FsckMessage::gitmodulesName, "gitmodulesName", kError, kError},
    {FsckMessage::gitmodulesSymlink, "gitmodulesSymlink", kError, kError},
    {FsckMessage::gitmodulesUrl, "gitmodulesUrl", kError, kError},
    {FsckMessage::gitmodulesPath, "gitmodulesPath", kError, kError},
    {FsckMessage::gitmodulesUpdate, "gitmodulesUpdate", kError, kError},
    {FsckMessage::gitattributesMissing, "gitattributesMissing", kError, kError},
    {FsckMessage::gitattributesLarge, "gitattributesLarge", kError, kError},
    {FsckMessage::gitattributesLineLength, "gitattributesLineLength", kError, kError},
    {FsckMessage::gitattributesBlob, "gitattributesBlob", kError, kError},
    {FsckMessage::emptyName, "emptyName", kError, kError},
    {FsckMessage::fullPathname, "fullPathname", kError, kError},
    {FsckMessage::hasDot, "hasDot", kError, kError},
    {FsckMessage::hasDotdot, "hasDotdot", kError, kError},
    {FsckMessage::hasDotgit, "hasDotgit", kError, kError},
    {FsckMessage::largePathname, "largePathname", kError, kError},
    {FsckMessage::nullSha1, "nullSha1", kError, kError},
    {FsckMessage::nulInCommit, "nulInCommit", kError, kWarn},
    {FsckMessage::zeroPaddedFilemode, "zeroPaddedFilemode", kError, kWarn},
    {FsckMessage::badFilemode, "badFilemode", kWarn, kWarn},
    {FsckMessage::gitmodulesParse, "gitmodulesParse", kWarn, kWarn},
    {FsckMessage::gitignoreSymlink, "gitignoreSymlink", kWarn, kWarn},
    {FsckMessage::gitattributesSymlink, "gitattributesSymlink", kWarn, kWarn},
    {FsckMessage::mailmapSymlink, "mailmapSymlink", kWarn, kWarn},
    {FsckMessage::badTagName, "badTagName", kWarn, kWarn},
    {FsckMessage::missingTaggerEntry, "missingTaggerEntry", kWarn, kWarn},
    {FsckMessage::extraHeaderEntry, "extraHeaderEntry", kIgnore, kIgnore},
}};
// clang-format on

constexpr bool inOrder() {
  for (std::size_t i = 0; i < kMessages.size(); ++i) {
    if (static_cast<std::size_t>(kMessages[i].message) != i) return false;
  }
  return true;
}
static_assert(inOrder());

bool isFatal(FsckMessage message) {
  return message == FsckMessage::nulInHeader || message == FsckMessage::unterminatedHeader;
}

bool equalInAnyCase(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

Severity parseSeverity(std::string_view word) {
  if (word == "error") return Severity::error;
  if (word == "warn") return Severity::warn;
  if (word == "ignore") return Severity::ignore;
  throw base::Error(base::Errc::invalidArgument,
                    "Unknown fsck message type: '" + base::printable(word) + "'; use error, warn or ignore");
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r";
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

}  // namespace

FsckPolicy::FsckPolicy(Preset preset) : enabled_(preset != Preset::off) {
  for (const MessageInfo& info : kMessages)
    severities_[static_cast<std::size_t>(info.message)] =
        preset == Preset::deployable ? info.deployable : info.strict;
}

bool FsckPolicy::set(std::string_view id, std::string_view severity) {
  const Severity parsed = parseSeverity(severity);
  const auto info = std::find_if(kMessages.begin(), kMessages.end(), [&](const MessageInfo& candidate) {
    return equalInAnyCase(candidate.name, id);
  });
  if (info == kMessages.end()) return false;
  if (isFatal(info->message) && parsed != Severity::error) {
    throw base::Error(base::Errc::invalidArgument,
                      "Cannot demote " + std::string(id) + " to " + std::string(severity));
  }
  severities_[static_cast<std::size_t>(info->message)] = parsed;
  return true;
}

void FsckPolicy::skip(ObjectFormat format, std::string_view listText) {
  while (!listText.empty()) {
    const std::size_t end = std::min(listText.find('\n'), listText.size());
    const std::string_view line = listText.substr(0, end);
    listText.remove_prefix(std::min(end + 1, listText.size()));
    const std::string_view word = trimmed(line.substr(0, line.find('#')));
    if (word.empty()) continue;
    const auto id = ObjectId::parse(format, word);
    if (!id)
      throw base::Error(base::Errc::invalidArgument,
                        "invalid object name: " + base::printable(word) + " (in the skip list)");
    skipped_.insert(*id);
  }
}

std::string_view fsckMessageName(FsckMessage message) noexcept {
  return kMessages[static_cast<std::size_t>(message)].name;
}

}  // namespace git
