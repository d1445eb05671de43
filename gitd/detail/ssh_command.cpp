#include "gitd/detail/ssh_command.h"

#include <algorithm>

#include "base/strings.h"

namespace gitd::detail {
namespace {

constexpr std::size_t kMaxLine = 64u << 10;
constexpr std::size_t kMaxWords = 1000;

bool isBlank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/// Reads words off a line; `at` moves behind what was read.
class WordReader {
 public:
  explicit WordReader(std::string_view line) : line_(line) {}

  bool skipBlanks() {
    while (at_ < line_.size() && isBlank(line_[at_]))
      ++at_;
    return at_ < line_.size();
  }

  /// False when a quote is left open.
  bool readWord(std::string& word) {
    while (at_ < line_.size() && !isBlank(line_[at_])) {
      const char c = line_[at_++];
      if (c == '\'') {
        if (!readSingleQuoted(word)) return false;
      } else if (c == '"') {
        if (!readDoubleQuoted(word)) return false;
      } else if (c == '\\') {
        if (at_ == line_.size()) return false;
        word.push_back(line_[at_++]);
      } else {
        word.push_back(c);
      }
    }
    return true;
  }

 private:
  bool readSingleQuoted(std::string& word) {
    const std::size_t close = line_.find('\'', at_);
    if (close == std::string_view::npos) return false;
    word.append(line_.substr(at_, close - at_));
    at_ = close + 1;
    return true;
  }

  bool readDoubleQuoted(std::string& word) {
    while (at_ < line_.size() && line_[at_] != '"') {
      // Only these keep their backslash's meaning between double quotes (POSIX, 2.2.3).
      const bool escapes = line_[at_] == '\\' && at_ + 1 < line_.size() &&
                           std::string_view("$`\"\\").find(line_[at_ + 1]) != std::string_view::npos;
      if (escapes) ++at_;
      word.push_back(line_[at_++]);
    }
    return at_++ < line_.size();
  }

  std::string_view line_;
  std::size_t at_ = 0;
};

std::optional<GitService> serviceOf(std::string_view word) {
  if (word == "receive-pack") return GitService::receivePack;
  if (word == "upload-pack") return GitService::uploadPack;
  if (word == "upload-archive") return GitService::uploadArchive;
  return std::nullopt;
}

std::string repositoryName(std::string_view typed) {
  if (typed.starts_with("~")) typed.remove_prefix(1);
  while (typed.starts_with("/"))
    typed.remove_prefix(1);
  while (typed.ends_with("/"))
    typed.remove_suffix(1);
  if (typed.ends_with(".git")) typed.remove_suffix(4);
  return std::string(typed);
}

}  // namespace

std::optional<std::vector<std::string>> splitWords(std::string_view line) {
  if (line.size() > kMaxLine || line.find('\0') != std::string_view::npos) return std::nullopt;
  std::vector<std::string> words;
  WordReader reader(line);
  while (reader.skipBlanks()) {
    std::string word;
    if (!reader.readWord(word) || words.size() == kMaxWords) return std::nullopt;
    words.push_back(std::move(word));
  }
  return words;
}

SshCommand parseSshCommand(std::string_view line) {
  auto words = splitWords(line);
  if (!words) return BadCommand{"the command line has an open quote or is too long"};
  if (words->empty()) return PlainCommand{};
  std::optional<GitService> service;
  std::size_t used = 1;
  if (const std::string& first = words->front(); first.starts_with("git-")) {
    service = serviceOf(std::string_view(first).substr(4));
  } else if (first == "git" && words->size() > 1) {
    service = serviceOf((*words)[1]);
    used = 2;
  }
  if (!service) return PlainCommand{std::move(*words)};
  // A client may put options of git's own programs in front of the folder; they mean nothing here.
  while (used < words->size() && (*words)[used].starts_with("--"))
    ++used;
  if (words->size() != used + 1) return BadCommand{"a git command needs the name of one app"};
  return GitCommand{*service, repositoryName(words->back())};
}

bool isRepositoryName(std::string_view name) noexcept {
  const auto isPlain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return !name.empty() && name.size() <= 63 && isPlain(name.front()) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return isPlain(c) || c == '-'; });
}

int protocolVersion(std::string_view gitProtocol) noexcept {
  int best = 0;
  while (!gitProtocol.empty()) {
    const std::size_t colon = gitProtocol.find(':');
    const std::string_view key = gitProtocol.substr(0, colon);
    if (key == "version=1") best = std::max(best, 1);
    if (key == "version=2") best = std::max(best, 2);
    gitProtocol.remove_prefix(colon == std::string_view::npos ? gitProtocol.size() : colon + 1);
  }
  return best;
}

}  // namespace gitd::detail
