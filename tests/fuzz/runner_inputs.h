// What strangers say to the runner's parts, as functions over bytes: for the fuzzers, and for the replay of
// their corpus as a unit test.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "base/error.h"
#include "runner/detail/caddy_access_log.h"
#include "runner/detail/log_record.h"

namespace fuzz {

/// A line of the router's file of requests: what comes of it is one line of an app's log.
inline void accessLine(std::string_view bytes) {
  const auto line = runner::detail::parseAccessLine(bytes);
  if (!line) return;
  const std::string text = runner::detail::formatAccessLine(*line);
  CHECK(std::none_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }));
  constexpr std::size_t kMost = 64u << 10;
  CHECK(text.size() < kMost);
  const auto entry = runner::detail::makeEntry(line->time, "router", "router", text);
  const auto record =
      runner::detail::parseRecord(std::string_view(entry.record).substr(0, entry.record.size() - 1));
  CHECK(record && record->text == text && record->source == "router");
  CHECK(runner::detail::hostOf(*line).size() <= line->host.size());
}

}  // namespace fuzz
