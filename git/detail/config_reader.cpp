#include "git/detail/config_reader.h"

namespace git::detail {
namespace {

bool isBlank(int c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}
bool isLetter(int c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool isKeyCharacter(int c) {
  return isLetter(c) || (c >= '0' && c <= '9') || c == '-';
}
char lower(int c) {
  return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

}  // namespace

ConfigReader::ConfigReader(std::string_view text) noexcept : text_(text) {
  if (text_.starts_with("\xef\xbb\xbf")) text_.remove_prefix(3);
}

/// The next character; a line's end in DOS manner is one.
int ConfigReader::take() noexcept {
  if (at_ == text_.size()) return kEnd;
  if (text_[at_] == '\r' && at_ + 1 < text_.size() && text_[at_ + 1] == '\n') ++at_;
  return static_cast<unsigned char>(text_[at_++]);
}

std::optional<ConfigEntry> ConfigReader::fail() noexcept {
  malformed_ = true;
  return std::nullopt;
}

void ConfigReader::skipLine() noexcept {
  int c = take();
  while (c != '\n' && c != kEnd)
    c = take();
}

std::optional<ConfigEntry> ConfigReader::next() {
  while (!malformed_) {
    int c = take();
    if (c == kEnd) return std::nullopt;
    if (isBlank(c)) continue;
    if (c == '#' || c == ';') {
      skipLine();
      continue;
    }
    if (c == '[') {
      if (!readSection()) return fail();
      continue;
    }
    if (!isLetter(c)) return fail();
    ConfigEntry entry{section_, subsection_, {}, {}};
    for (; isKeyCharacter(c); c = take())
      entry.key.push_back(lower(c));
    while (c == ' ' || c == '\t')
      c = take();
    if (c == '\n' || c == kEnd) return entry;
    if (c != '=' || !readValue(entry.value.emplace())) return fail();
    return entry;
  }
  return std::nullopt;
}

/// [section], [section "subsection"], or the old [section.subsection].
bool ConfigReader::readSection() {
  section_.clear();
  subsection_.reset();
  for (int c = take(); c != ']'; c = take()) {
    if (isBlank(c) && c != kEnd) {
      while (isBlank(c) && c != '\n')
        c = take();
      if (c != '"' || !readQuotedSubsection()) return false;
      // A dot in the section's name would have made a subsection of its own.
      if (const std::size_t dot = section_.find('.'); dot != std::string::npos) {
        subsection_ = section_.substr(dot + 1) + "." + *subsection_;
        section_.resize(dot);
      }
      return true;
    }
    if (!isKeyCharacter(c) && c != '.') return false;
    section_.push_back(lower(c));
  }
  if (const std::size_t dot = section_.find('.'); dot != std::string::npos) {
    subsection_ = section_.substr(dot + 1);
    section_.resize(dot);
  }
  return !section_.empty() || subsection_;
}

bool ConfigReader::readQuotedSubsection() {
  subsection_.emplace();
  for (int c = take(); c != '"'; c = take()) {
    if (c == '\\') c = take();
    if (c == '\n' || c == kEnd) return false;
    subsection_->push_back(static_cast<char>(c));
  }
  return take() == ']';
}

bool ConfigReader::readValue(std::string& value) {
  bool quoted = false;
  std::size_t blanks = 0;  // kept only when something follows
  while (true) {
    int c = take();
    if (c == '\n' || c == kEnd) return !quoted;
    if (isBlank(c) && !quoted) {
      if (!value.empty()) ++blanks;
      continue;
    }
    if (!quoted && (c == ';' || c == '#')) {
      skipLine();
      return true;
    }
    value.append(blanks, ' ');
    blanks = 0;
    if (c == '"') {
      quoted = !quoted;
      continue;
    }
    if (c == '\\') {
      c = take();
      switch (c) {
        case '\n':
        case kEnd:
          continue;
        case 't':
          c = '\t';
          break;
        case 'b':
          c = '\b';
          break;
        case 'n':
          c = '\n';
          break;
        case '\\':
        case '"':
          break;
        default:
          return false;
      }
    }
    value.push_back(static_cast<char>(c));
  }
}

}  // namespace git::detail
