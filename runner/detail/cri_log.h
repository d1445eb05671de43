// The line format that conmon writes: "2026-01-31T12:00:00.000000000+00:00 stdout F text". (Kubernetes CRI,
// container log format.)
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace runner::detail {

/// Nanoseconds since 1970, UTC.
using LogTime = std::int64_t;

LogTime toLogTime(base::Time time);
/// "2026-01-31T12:00:00.000000+00:00"; sorts as text.
std::string formatLogTime(LogTime time);
/// The same with nine digits: "2026-01-31T12:00:00.000000000+00:00".
std::string formatFullLogTime(LogTime time);

/// One line of a file; views into the parsed text.
struct CriLine {
  LogTime time = 0;
  std::string_view stream;
  bool partial = false;  ///< conmon splits long lines; the last part has partial = false
  std::string_view text;
};
/// `line` without its newline; nullopt for anything that is not such a line (a cut first line).
std::optional<CriLine> parseCriLine(std::string_view line);
/// With its newline. `text` must not contain one.
std::string formatCriLine(LogTime time, std::string_view text);

/// Safe for a terminal: invalid UTF-8 becomes U+FFFD, control characters are shown as ^X; tab and SGR colour
/// sequences stay.
std::string printableLine(std::string_view text);

}  // namespace runner::detail
