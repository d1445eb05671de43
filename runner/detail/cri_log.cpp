#include "runner/detail/cri_log.h"

#include <array>
#include <chrono>
#include <cstdio>

namespace runner::detail {
namespace {

constexpr LogTime kSecond = 1'000'000'000;
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

/// Reads exactly `digits` decimal digits at `at`; -1 when they are not there.
int number(std::string_view text, std::size_t at, std::size_t digits) {
  if (at + digits > text.size()) return -1;
  int value = 0;
  for (const char c : text.substr(at, digits)) {
    if (c < '0' || c > '9') return -1;
    value = value * 10 + (c - '0');
  }
  return value;
}

/// "", "Z", "+02:00": seconds east of UTC.
std::optional<LogTime> parseOffset(std::string_view text) {
  if (text == "Z") return 0;
  if (text.size() != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':') return std::nullopt;
  const int hours = number(text, 1, 2);
  const int minutes = number(text, 4, 2);
  if (hours < 0 || minutes < 0) return std::nullopt;
  const LogTime seconds = hours * 3600 + minutes * 60;
  return text[0] == '-' ? -seconds : seconds;
}

std::optional<LogTime> parseTime(std::string_view text) {
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' ||
      text[16] != ':') {
    return std::nullopt;
  }
  const int year = number(text, 0, 4), month = number(text, 5, 2), day = number(text, 8, 2);
  const int hour = number(text, 11, 2), minute = number(text, 14, 2), second = number(text, 17, 2);
  if (hour < 0 || minute < 0 || second < 0) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (year < 1970 || month < 1 || day < 1 || !date.ok()) return std::nullopt;
  std::size_t at = 19;
  LogTime nanoseconds = 0;
  if (text[at] == '.') {
    LogTime unit = kSecond;
    for (++at; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
      unit /= 10;
      nanoseconds += unit * (text[at] - '0');
    }
  }
  const auto offset = parseOffset(text.substr(at));
  if (!offset) return std::nullopt;
  const LogTime days = std::chrono::sys_days(date).time_since_epoch().count();
  return (days * 86400 + hour * 3600 + minute * 60 + second - *offset) * kSecond + nanoseconds;
}

std::string formatTime(LogTime time, int fractionDigits) {
  const std::chrono::sys_seconds whole{std::chrono::seconds(time / kSecond)};
  const auto day = std::chrono::floor<std::chrono::days>(whole);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(whole - day);
  const long long fraction = fractionDigits == 6 ? time % kSecond / 1000 : time % kSecond;
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02ld:%02ld:%02ld.%0*lld+00:00",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<long>(clock.hours().count()),
                static_cast<long>(clock.minutes().count()), static_cast<long>(clock.seconds().count()),
                fractionDigits, fraction);
  return text.data();
}

/// Length of the valid UTF-8 character at the front, 0 when there is none. (RFC 3629 section 4.)
std::size_t characterLength(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  const unsigned char second = byte(1);
  if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ||
      (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F)) {
    return 0;
  }
  return length;
}

/// Length of "ESC [ digits ; : m" at the front, else 0.
std::size_t colourLength(std::string_view text) {
  if (text.substr(0, 2) != "\x1b[") return 0;
  const std::size_t end = text.find_first_not_of("0123456789;:", 2);
  return end != std::string_view::npos && text[end] == 'm' ? end + 1 : 0;
}

}  // namespace

LogTime toLogTime(base::Time time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

std::string formatLogTime(LogTime time) {
  return formatTime(time, 6);
}

std::string formatFullLogTime(LogTime time) {
  return formatTime(time, 9);
}

std::optional<CriLine> parseCriLine(std::string_view line) {
  const std::size_t first = line.find(' ');
  const std::size_t second = first == std::string_view::npos ? first : line.find(' ', first + 1);
  if (second == std::string_view::npos || second + 2 > line.size()) return std::nullopt;
  const char tag = line[second + 1];
  if (tag != 'F' && tag != 'P') return std::nullopt;
  std::string_view text = line.substr(second + 2);
  if (!text.empty()) {
    if (text.front() != ' ' && text.front() != ':') return std::nullopt;
    // Further tags ("F:x") are allowed by the format; nobody writes them today.
    const std::size_t space = text.find(' ');
    text = space == std::string_view::npos ? std::string_view() : text.substr(space + 1);
  }
  const auto time = parseTime(line.substr(0, first));
  if (!time) return std::nullopt;
  return CriLine{*time, line.substr(first + 1, second - first - 1), tag == 'P', text};
}

std::string formatCriLine(LogTime time, std::string_view text) {
  return formatTime(time, 9) + " stdout F " + std::string(text) + "\n";
}

std::string printableLine(std::string_view text) {
  if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    std::size_t length = colourLength(text);
    if (length == 0) length = characterLength(text);
    const auto first = static_cast<unsigned char>(text.front());
    const bool isControl = length == 1 && (first < 0x20 || first == 0x7F) && first != '\t';
    // U+0080 to U+009F: terminals take some of them for escape sequences.
    const bool isC1 = length == 2 && first == 0xC2 && static_cast<unsigned char>(text[1]) < 0xA0;
    if (length == 0 || isC1) {
      out += kReplacement;
    } else if (isControl) {
      out += '^';
      out += static_cast<char>(first ^ 0x40);
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out;
}

}  // namespace runner::detail
