// Keeps build output from taking over the pusher's terminal.
#pragma once

#include <string>
#include <string_view>

namespace gitd::detail {

/// Passes text, newline, return, tab and colours (ESC [ ... m); drops every other control character and
/// escape sequence, C1 controls in UTF-8 included. Keeps its place between calls. One thread at a time.
class TerminalFilter {
 public:
  std::string filter(std::string_view bytes);

 private:
  enum class State { text, escape, csi, string, stringEscape, c2 };
  void step(char c, std::string& out);
  void stepText(char c, std::string& out);
  void stepEscape(char c);
  void stepCsi(char c, std::string& out);
  void stepString(char c);

  State state_ = State::text;
  std::string pending_;      // the colour sequence so far
  std::size_t skipped_ = 0;  // bytes of a control string so far
};

}  // namespace gitd::detail
