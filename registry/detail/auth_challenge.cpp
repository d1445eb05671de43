#include "registry/detail/auth_challenge.h"

namespace registry::detail {
namespace {

constexpr std::size_t kMaxHeader = 8u << 10;
constexpr std::size_t kMaxChallenges = 16;

bool isTokenCharacter(char c) {
  constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         kOthers.find(c) != std::string_view::npos;
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  bool atEnd() const { return at_ == text_.size(); }
  void skipSpaces() {
    while (!atEnd() && (text_[at_] == ' ' || text_[at_] == '\t'))
      ++at_;
  }
  void skipSeparators() {
    while (!atEnd() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == ','))
      ++at_;
  }
  bool take(char c) {
    if (atEnd() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  /// A token in small letters; empty when there is none.
  std::string name() {
    std::string word = token();
    for (char& c : word)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return word;
  }
  std::string token() {
    const std::size_t begin = at_;
    while (!atEnd() && isTokenCharacter(text_[at_]))
      ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }
  /// A token or a quoted string; nullopt for a string without an end.
  std::optional<std::string> value() {
    if (!take('"')) return token();
    std::string value;
    while (!atEnd()) {
      const char c = text_[at_++];
      if (c == '"') return value;
      if (c != '\\') {
        value += c;
      } else if (!atEnd()) {
        value += text_[at_++];
      }
    }
    return std::nullopt;
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

std::vector<AuthChallenge> parseAuthChallenges(std::string_view header) {
  std::vector<AuthChallenge> challenges;
  Reader reader(header.substr(0, kMaxHeader));
  while (true) {
    reader.skipSeparators();
    const std::string word = reader.name();
    if (word.empty()) return challenges;
    reader.skipSpaces();
    if (!reader.take('=')) {
      if (challenges.size() == kMaxChallenges) return challenges;
      challenges.push_back({word, {}});
      continue;
    }
    reader.skipSpaces();
    const auto value = reader.value();
    if (!value || challenges.empty()) return challenges;
    challenges.back().parameters.emplace(word, *value);
  }
}

}  // namespace registry::detail
