#include "builder/detail/yaml.h"

#include <algorithm>

#include "base/strings.h"

namespace builder::detail {
namespace {

constexpr std::size_t kMaxBytes = 64 * 1024;
constexpr int kMaxDepth = 16;

struct Line {
  std::size_t indent = 0;
  std::string text;  // without the indent; may end with a comment
  int number = 0;
  bool blank() const { return text.empty() || text.front() == '#'; }
  bool isItem() const { return text == "-" || text.starts_with("- "); }
};

YamlNode scalarNode(std::string text) {
  YamlNode node;
  node.kind = YamlNode::Kind::scalar;
  node.scalar = std::move(text);
  return node;
}

YamlNode plainNode(std::string_view text) {
  if (text.empty() || text == "~" || text == "null") return {};
  return scalarNode(std::string(text));
}

/// Cuts a trailing " # comment".
std::string_view withoutComment(std::string_view text) {
  const auto mark = text.find(" #");
  return base::trim(mark == text.npos ? text : text.substr(0, mark));
}

/// Quoted scalars and flow collections: text in one piece, from its first byte on.
class FlowReader {
 public:
  explicit FlowReader(std::string_view text) : text_(text) {}

  std::optional<YamlNode> value(int depth) {
    skipSpace();
    if (at_ >= text_.size() || depth > kMaxDepth) return std::nullopt;
    if (text_[at_] == '{') return map(depth);
    if (text_[at_] == '[') return list(depth);
    if (text_[at_] == '"' || text_[at_] == '\'') {
      auto text = quoted();
      if (!text) return std::nullopt;
      return scalarNode(std::move(*text));
    }
    return plainNode(plain(",]}"));
  }

  std::optional<std::string> quoted() { return text_[at_] == '"' ? doubleQuoted() : singleQuoted(); }

  /// What follows, with a comment cut away.
  std::string_view rest() const {
    const auto rest = text_.substr(at_);
    return rest.starts_with('#') ? "" : withoutComment(rest);
  }

 private:
  void skipSpace() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n'))
      ++at_;
  }

  std::string_view plain(std::string_view ends) {
    const auto start = at_;
    at_ = std::min(text_.find_first_of(ends, at_), text_.size());
    return base::trim(text_.substr(start, at_ - start));
  }

  bool take(char wanted) {
    skipSpace();
    if (at_ >= text_.size() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }

  std::optional<YamlNode> list(int depth) {
    ++at_;
    YamlNode node;
    node.kind = YamlNode::Kind::list;
    while (!take(']')) {
      auto item = value(depth + 1);
      if (!item) return std::nullopt;
      node.items.push_back(std::move(*item));
      if (!take(',') && (at_ >= text_.size() || text_[at_] != ']')) return std::nullopt;
    }
    return node;
  }

  std::optional<YamlNode> map(int depth) {
    ++at_;
    YamlNode node;
    node.kind = YamlNode::Kind::map;
    while (!take('}')) {
      const bool isQuoted = at_ < text_.size() && (text_[at_] == '"' || text_[at_] == '\'');
      auto key = isQuoted ? quoted() : std::optional(std::string(plain(":,}")));
      if (!key || !take(':')) return std::nullopt;
      auto member = value(depth + 1);
      if (!member) return std::nullopt;
      node.members.push_back({std::move(*key), std::move(*member)});
      if (!take(',') && (at_ >= text_.size() || text_[at_] != '}')) return std::nullopt;
    }
    return node;
  }

  std::optional<std::string> singleQuoted() {
    std::string out;
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] != '\'') {
        out += text_[at_] == '\n' ? ' ' : text_[at_];
      } else if (at_ + 1 < text_.size() && text_[at_ + 1] == '\'') {
        out += text_[at_++];
      } else {
        ++at_;
        return out;
      }
    }
    return std::nullopt;
  }

  std::optional<std::string> doubleQuoted() {
    std::string out;
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == '"') {
        ++at_;
        return out;
      }
      if (text_[at_] != '\\') {
        out += text_[at_] == '\n' ? ' ' : text_[at_];
        continue;
      }
      if (++at_ >= text_.size()) break;
      constexpr std::string_view kNames = "ntre0\"\\/ ";
      constexpr std::string_view kBytes{"\n\t\r\x1b\0\"\\/ ", 9};
      const auto escape = kNames.find(text_[at_]);
      if (escape == kNames.npos) return std::nullopt;
      out += kBytes[escape];
    }
    return std::nullopt;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

/// Splits "key: rest" or "key:"; the key may be quoted.
std::optional<std::pair<std::string, std::string>> splitKey(const std::string& text) {
  std::string key;
  std::string_view after;
  if (text.starts_with('"') || text.starts_with('\'')) {
    FlowReader reader(text);
    auto quoted = reader.quoted();
    if (!quoted) return std::nullopt;
    key = std::move(*quoted);
    after = reader.rest();
  } else {
    auto colon = text.find(": ");
    if (colon == text.npos && text.ends_with(':')) colon = text.size() - 1;
    if (colon == text.npos) return std::nullopt;
    key = base::trim(text.substr(0, colon));
    after = std::string_view(text).substr(colon);
  }
  if (!after.starts_with(':')) return std::nullopt;
  return std::pair(std::move(key), std::string(base::trim(after.substr(1))));
}

/// One document, line by line. One use.
class BlockReader {
 public:
  explicit BlockReader(std::string_view text) { split(text); }

  std::variant<YamlNode, YamlError> document() {
    YamlNode node;
    if (error_.empty() && skipBlank()) node = block(lines_[at_].indent, 0);
    if (error_.empty() && skipBlank()) fail("does not belong to what is above it");
    if (!error_.empty()) return YamlError{error_};
    return node;
  }

 private:
  void split(std::string_view text) {
    int number = 0;
    for (const auto& whole : base::split(text, '\n')) {
      std::string_view line = whole;
      ++number;
      while (line.ends_with('\r') || line.ends_with(' '))
        line.remove_suffix(1);
      if (line == "---" || line == "...") continue;
      if (line.starts_with("--- ")) line.remove_prefix(4);
      const auto indent = std::min(line.find_first_not_of(' '), line.size());
      lines_.push_back({indent, std::string(line.substr(indent)), number});
      if (lines_.back().text.starts_with('\t')) {
        error_ = "line " + std::to_string(number) + " is indented with a tab";
      }
    }
  }

  /// False at the end.
  bool skipBlank() {
    while (at_ < lines_.size() && lines_[at_].blank())
      ++at_;
    return at_ < lines_.size();
  }

  YamlNode fail(std::string_view why) {
    const int number = at_ < lines_.size() ? lines_[at_].number : lines_.back().number;
    if (error_.empty()) error_ = "line " + std::to_string(number) + " " + std::string(why);
    at_ = lines_.size();
    return {};
  }

  YamlNode block(std::size_t indent, int depth) {
    if (depth > kMaxDepth) return fail("is nested too deeply");
    const auto& first = lines_[at_];
    if (first.isItem()) return list(indent);
    if (first.text.starts_with('{') || first.text.starts_with('[')) return flow(lines_[at_++].text, indent);
    if (first.text == "null" || first.text == "~") {
      ++at_;
      return {};
    }
    return map(indent, depth);
  }

  YamlNode list(std::size_t indent) {
    YamlNode node;
    node.kind = YamlNode::Kind::list;
    while (skipBlank() && lines_[at_].indent == indent && lines_[at_].isItem()) {
      const std::string text(base::trim(std::string_view(lines_[at_].text).substr(1)));
      ++at_;
      node.items.push_back(value(text, indent));
    }
    return node;
  }

  YamlNode map(std::size_t indent, int depth) {
    YamlNode node;
    node.kind = YamlNode::Kind::map;
    while (skipBlank() && lines_[at_].indent == indent && !lines_[at_].isItem()) {
      auto member = splitKey(lines_[at_].text);
      if (!member) return fail("is not of the form KEY: VALUE");
      ++at_;
      auto& [key, rest] = *member;
      const bool nested = rest.empty() || rest.front() == '#';
      node.members.push_back({std::move(key), nested ? below(indent, depth) : value(rest, indent)});
    }
    return node;
  }

  /// What stands in the lines after "key:".
  YamlNode below(std::size_t indent, int depth) {
    if (!skipBlank()) return {};
    const auto& next = lines_[at_];
    if (next.indent > indent || (next.indent == indent && next.isItem()))
      return block(next.indent, depth + 1);
    return {};
  }

  YamlNode value(const std::string& text, std::size_t indent) {
    if (text.starts_with('|') || text.starts_with('>')) return blockScalar(text.front(), indent);
    if (text.starts_with('"') || text.starts_with('\'') || text.starts_with('{') || text.starts_with('[')) {
      return flow(text, indent);
    }
    std::string plain(withoutComment(text));
    while (at_ < lines_.size() && !lines_[at_].blank() && lines_[at_].indent > indent) {
      plain += " " + std::string(withoutComment(lines_[at_++].text));
    }
    return plainNode(plain);
  }

  YamlNode flow(std::string text, std::size_t indent) {
    constexpr int kMaxLines = 200;
    for (int lines = 0; lines < kMaxLines; ++lines) {
      FlowReader reader(text);
      if (auto node = reader.value(0)) {
        if (reader.rest().empty()) return std::move(*node);
        --at_;
        return fail("has text after its value");
      }
      // It may go on in deeper lines.
      if (at_ >= lines_.size() || lines_[at_].indent <= indent) break;
      text += "\n" + lines_[at_++].text;
    }
    --at_;
    return fail("has a value that does not end or cannot be read");
  }

  YamlNode blockScalar(char style, std::size_t indent) {
    std::string text;
    const std::size_t own = at_ < lines_.size() ? lines_[at_].indent : 0;
    while (at_ < lines_.size() && (lines_[at_].text.empty() || lines_[at_].indent > indent)) {
      const auto& line = lines_[at_++];
      if (!text.empty()) text += style == '|' ? '\n' : ' ';
      text += std::string(line.indent > own ? line.indent - own : 0, ' ') + line.text;
    }
    return scalarNode(std::string(base::trim(text)));
  }

  std::vector<Line> lines_;
  std::size_t at_ = 0;
  std::string error_;
};

}  // namespace

const YamlNode* YamlNode::member(std::string_view name) const {
  for (auto it = members.rbegin(); it != members.rend(); ++it) {
    if (it->name == name) return &it->value;
  }
  return nullptr;
}

std::variant<YamlNode, YamlError> parseYaml(std::string_view text) {
  if (text.size() > kMaxBytes) return YamlError{"it is larger than 64 KiB"};
  return BlockReader(text).document();
}

}  // namespace builder::detail
