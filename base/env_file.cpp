#include "base/env_file.h"

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"

namespace base {
namespace {

constexpr std::string_view kBlank = " \t\r";

bool isNameByte(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {
    if (text_.starts_with("\xEF\xBB\xBF")) text_.remove_prefix(3);
  }

  std::map<std::string, std::string> read() {
    std::map<std::string, std::string> variables;
    while (at_ < text_.size()) {
      skipBlank();
      if (!atLineEnd() && peek() != '#') {
        std::string name = readName();
        variables[std::move(name)] = readValue();
      }
      skipLine();
    }
    return variables;
  }

 private:
  char peek() const { return text_[at_]; }
  bool atLineEnd() const { return at_ >= text_.size() || peek() == '\n'; }
  void skipBlank() { at_ = std::min(text_.find_first_not_of(kBlank, at_), text_.size()); }

  /// The rest of the line, which holds nothing any more but perhaps a comment.
  void skipLine() {
    at_ = std::min(text_.find('\n', at_), text_.size());
    if (at_ < text_.size()) ++at_;
    ++line_;
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw Error(Errc::invalidArgument, "line " + std::to_string(line_) + " of the .env file " + what);
  }

  std::string readName() {
    constexpr std::string_view kExport = "export";
    if (text_.substr(at_).starts_with(kExport) && at_ + kExport.size() < text_.size() &&
        kBlank.find(text_[at_ + kExport.size()]) != std::string_view::npos) {
      at_ += kExport.size();
      skipBlank();
    }
    const std::size_t begin = at_;
    while (at_ < text_.size() && isNameByte(peek()))
      ++at_;
    std::string name(text_.substr(begin, at_ - begin));
    skipBlank();
    if (name.empty() || atLineEnd() || peek() != '=') fail("is not of the form NAME=VALUE");
    ++at_;
    return name;
  }

  std::string readValue() {
    skipBlank();
    if (atLineEnd()) return "";
    if (peek() != '\'' && peek() != '"') return readPlain();
    std::string value;
    // Pieces side by side are one value, as in a shell.
    while (!atLineEnd() && (peek() == '\'' || peek() == '"'))
      value += peek() == '"' ? readDouble() : readSingle();
    skipBlank();
    if (!atLineEnd() && peek() != '#') fail("goes on after the closing quote");
    return value;
  }

  std::string readPlain() {
    const std::size_t end = std::min(text_.find('\n', at_), text_.size());
    std::string_view value = text_.substr(at_, end - at_);
    for (std::size_t i = 0; i < value.size(); ++i) {
      if (value[i] == '#' && (i == 0 || kBlank.find(value[i - 1]) != std::string_view::npos))
        value = value.substr(0, i);
    }
    at_ = end;
    return std::string(trim(value));
  }

  std::string readSingle() {
    const std::size_t end = text_.find('\'', at_ + 1);
    if (end == std::string_view::npos) fail("opens a quote that is not closed");
    const std::string_view value = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    line_ += static_cast<std::size_t>(std::count(value.begin(), value.end(), '\n'));
    return std::string(value);
  }

  std::string readDouble() {
    std::string value;
    std::size_t lines = 0;
    for (++at_; at_ < text_.size() && peek() != '"'; ++at_) {
      if (peek() == '\n') ++lines;
      if (peek() != '\\' || at_ + 1 == text_.size()) {
        value += peek();
        continue;
      }
      ++at_;
      if (peek() == '\n') ++lines;
      value += unescaped(peek());
    }
    if (at_ >= text_.size()) fail("opens a quote that is not closed");
    ++at_;
    line_ += lines;
    return value;
  }

  static std::string unescaped(char c) {
    switch (c) {
      case 'n':
        return "\n";
      case 'r':
        return "\r";
      case 't':
        return "\t";
      case '"':
      case '\\':
      case '$':
      case '`':
        return {c};
      default:
        return {'\\', c};
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
};

bool isSimple(std::string_view value) {
  return std::all_of(value.begin(), value.end(), [](char c) {
    return isNameByte(c) || std::string_view("-./:@%+,=").find(c) != std::string_view::npos;
  });
}

std::string quoted(std::string_view value) {
  if (isSimple(value)) return std::string(value);
  if (value.find('\'') == std::string_view::npos) return "'" + std::string(value) + "'";
  std::string text = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\' || c == '$' || c == '`') text += '\\';
    text += c;
  }
  return text + "\"";
}

}  // namespace

std::map<std::string, std::string> parseEnvFile(std::string_view text) {
  return Reader(text).read();
}

std::string formatEnvFile(const std::map<std::string, std::string>& variables) {
  std::string text;
  for (const auto& [name, value] : variables)
    text += name + "=" + quoted(value) + "\n";
  return text;
}

}  // namespace base
