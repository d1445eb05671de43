#include "gitd/detail/terminal_filter.h"

namespace gitd::detail {
namespace {

constexpr std::size_t kMaxSequence = 32;
// A title or a clipboard write is longer than that only if it is no title.
constexpr std::size_t kMaxControlString = 4096;

}  // namespace

std::string TerminalFilter::filter(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  for (const char c : bytes)
    step(c, out);
  return out;
}

void TerminalFilter::step(char c, std::string& out) {
  switch (state_) {
    case State::text:
      return stepText(c, out);
    case State::escape:
      return stepEscape(c);
    case State::csi:
      return stepCsi(c, out);
    case State::string:
    case State::stringEscape:
      return stepString(c);
    case State::c2:
      state_ = State::text;
      // U+0080..U+009F are controls that some terminals obey, U+009B begins a sequence.
      if (static_cast<unsigned char>(c) >= 0x80 && static_cast<unsigned char>(c) <= 0x9f) return;
      out.push_back('\xc2');
      return stepText(c, out);
  }
}

void TerminalFilter::stepText(char c, std::string& out) {
  const auto byte = static_cast<unsigned char>(c);
  if (c == '\x1b') {
    state_ = State::escape;
  } else if (byte == 0xc2) {
    state_ = State::c2;
  } else if (c == '\n' || c == '\r' || c == '\t' || (byte >= 0x20 && byte != 0x7f)) {
    out.push_back(c);
  }
}

void TerminalFilter::stepEscape(char c) {
  pending_ = "\x1b[";
  skipped_ = 0;
  if (c == '[') {
    state_ = State::csi;
  } else if (c == ']' || c == 'P' || c == '_' || c == '^' || c == 'X') {
    state_ = State::string;
  } else if (c >= 0x20 && c <= 0x2f) {
    state_ = State::escape;  // an intermediate byte: one more follows
  } else if (c != '\x1b') {
    state_ = State::text;
  }
}

void TerminalFilter::stepCsi(char c, std::string& out) {
  const bool parameter = (c >= '0' && c <= '9') || c == ';' || c == ':';
  if (c >= 0x40 && c <= 0x7e) {
    if (c == 'm' && !pending_.empty()) out.append(pending_).push_back('m');
    state_ = State::text;
  } else if (c < 0x20) {
    state_ = State::text;  // broken off
    stepText(c, out);
  } else if (!parameter || pending_.size() >= kMaxSequence) {
    pending_.clear();  // not a colour: swallow it to its end
  } else if (!pending_.empty()) {
    pending_.push_back(c);
  }
}

void TerminalFilter::stepString(char c) {
  const bool afterEscape = state_ == State::stringEscape;
  state_ = State::string;
  if (c == '\a' || (afterEscape && c == '\\') || c == '\n' || ++skipped_ > kMaxControlString) {
    state_ = State::text;
  } else if (c == '\x1b') {
    state_ = State::stringEscape;
  }
}

}  // namespace gitd::detail
