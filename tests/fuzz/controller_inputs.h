// What a client of a running command says to the controller, as functions over bytes: for the fuzzers, and
// for the replay of their corpus as a unit test.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/strings.h"
#include "controller/command_input.h"
#include "tests/support/byte_streams.h"

namespace fuzz {

/// What of the lines of input reached the command, and whether they were refused.
struct CarriedInput {
  std::string keys;
  std::vector<base::TerminalSize> sizes;
  bool refused = false;
};

inline CarriedInput carryInput(std::string_view lines, std::size_t step) {
  CarriedInput carried;
  testing_support::StringSink screen;
  controller::CommandInput input({.user = "ada", .terminal = std::nullopt, .terminalType = ""}, screen,
                                 [] {});
  input.begin([&](base::TerminalSize size) { carried.sizes.push_back(size); });
  testing_support::StringSource source{std::string(lines), step};
  try {
    controller::CommandInputs::relay(source, input);
  } catch (const base::Error& error) {
    CHECK(error.code() == base::Errc::invalidArgument);
    CHECK(std::string_view(error.what()).find('\n') == std::string_view::npos);
    carried.refused = true;
  }
  input.endOfFeed();
  char buffer[512];
  while (const std::size_t count = input.read(buffer, sizeof buffer))
    carried.keys.append(buffer, count);
  return carried;
}

/// Lines of input, in pieces as large as the first byte says: the pieces must not matter.
inline void commandInput(std::string_view bytes) {
  constexpr std::size_t kMaxInput = 32u << 10;  // less than a command may leave unread
  if (bytes.empty() || bytes.size() > kMaxInput) return;
  const std::size_t step = std::size_t{1} + static_cast<unsigned char>(bytes.front());
  bytes.remove_prefix(1);
  const CarriedInput pieces = carryInput(bytes, step);
  const CarriedInput whole = carryInput(bytes, bytes.size() + 1);
  CHECK(pieces.refused == whole.refused && pieces.keys == whole.keys);
  CHECK(pieces.sizes.size() == whole.sizes.size());
  for (std::size_t i = 0; i < whole.sizes.size(); ++i) {
    const base::TerminalSize& size = whole.sizes[i];
    CHECK(size.columns >= 1 && size.columns <= 10'000 && size.rows >= 1 && size.rows <= 10'000);
    CHECK(size.columns == pieces.sizes[i].columns && size.rows == pieces.sizes[i].rows);
  }
  CHECK(whole.keys.size() <= bytes.size());
}

}  // namespace fuzz
