#include "controller/host_name.h"

#include <Poco/UTF8Encoding.h>
#include <Poco/Unicode.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/error.h"
#include "base/strings.h"

namespace controller {
namespace {

constexpr std::size_t kMaxHost = 253;
constexpr std::size_t kMaxLabel = 63;

[[noreturn]] void refuse(std::string_view text, const std::string& why) {
  throw base::Error(base::Errc::invalidArgument, "\"" + base::printable(text) + "\" is no host name: " + why +
                                                     "; give one like www.example.com");
}

/// Its code points; empty when it is not UTF-8.
std::vector<std::uint32_t> codePoints(std::string_view label) {
  static const Poco::UTF8Encoding encoding;
  std::vector<std::uint32_t> points;
  while (!label.empty()) {
    const auto* bytes = reinterpret_cast<const unsigned char*>(label.data());
    const int length = encoding.sequenceLength(bytes, 1);
    if (length < 1 || static_cast<std::size_t>(length) > label.size()) return {};
    const int point = encoding.queryConvert(bytes, length);
    if (point < 0) return {};
    points.push_back(static_cast<std::uint32_t>(Poco::Unicode::toLower(point)));
    label.remove_prefix(static_cast<std::size_t>(length));
  }
  return points;
}

/// How far the next code point is away decides how its digits are weighed. (RFC 3492, section 6.1.)
std::uint32_t adapt(std::uint32_t delta, std::uint32_t count, bool first) {
  delta = first ? delta / 700 : delta / 2;
  delta += delta / count;
  std::uint32_t k = 0;
  for (; delta > ((36 - 1) * 26) / 2; k += 36)
    delta /= 36 - 1;
  return k + (36 * delta) / (delta + 38);
}

char digitOf(std::uint32_t value) {
  return static_cast<char>(value < 26 ? 'a' + value : '0' + (value - 26));
}

/// One delta as digits of variable weight. (RFC 3492, section 6.3.)
void appendDelta(std::string& out, std::uint32_t delta, std::uint32_t bias) {
  for (std::uint32_t k = 36;; k += 36) {
    const std::uint32_t threshold = k <= bias ? 1 : std::min<std::uint32_t>(k - bias, 26);
    if (delta < threshold) break;
    out += digitOf(threshold + (delta - threshold) % (36 - threshold));
    delta = (delta - threshold) / (36 - threshold);
  }
  out += digitOf(delta);
}

/// RFC 3492 of at most 63 code points, so that nothing overflows.
std::string punycode(const std::vector<std::uint32_t>& points) {
  std::string out;
  for (const std::uint32_t point : points)
    if (point < 0x80) out += static_cast<char>(point);
  const auto basic = static_cast<std::uint32_t>(out.size());
  if (basic > 0) out += '-';
  std::uint32_t next = 0x80;
  std::uint32_t delta = 0;
  std::uint32_t bias = 72;
  for (std::uint32_t done = basic; done < points.size(); ++next, ++delta) {
    std::uint32_t smallest = UINT32_MAX;
    for (const std::uint32_t point : points)
      if (point >= next) smallest = std::min(smallest, point);
    delta += (smallest - next) * (done + 1);
    next = smallest;
    for (const std::uint32_t point : points) {
      if (point < next) ++delta;
      if (point != next) continue;
      appendDelta(out, delta, bias);
      bias = adapt(delta, done + 1, done == basic);
      delta = 0;
      ++done;
    }
  }
  return out;
}

std::string normalLabel(std::string_view whole, std::string_view label) {
  if (label.empty()) refuse(whole, "there is nothing between two dots");
  if (label.size() > 4 * kMaxLabel) refuse(whole, "a part is longer than 63 characters");
  const auto points = codePoints(label);
  if (points.empty()) refuse(whole, "it is not UTF-8");
  if (points.size() > kMaxLabel) refuse(whole, "a part is longer than 63 characters");
  std::string text;
  if (std::all_of(points.begin(), points.end(), [](std::uint32_t point) { return point < 0x80; })) {
    for (const std::uint32_t point : points)
      text += static_cast<char>(point);
  } else {
    text = "xn--" + punycode(points);
  }
  const bool shaped = std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
  if (!shaped || text.front() == '-' || text.back() == '-')
    refuse(whole, "its parts are of letters, digits and - between them");
  if (text.size() > kMaxLabel) refuse(whole, "a part is longer than 63 characters");
  return text;
}

}  // namespace

std::string normalHost(std::string_view text) {
  std::string_view rest = base::trim(text);
  if (rest.size() > 4 * kMaxHost) refuse(text, "it is longer than 253 characters");
  if (!rest.empty() && rest.back() == '.') rest.remove_suffix(1);
  std::string host;
  const std::vector<std::string> labels = base::split(rest, '.');
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const bool wildcard = i == 0 && labels[i] == "*";
    host += (i == 0 ? "" : ".") + (wildcard ? "*" : normalLabel(text, labels[i]));
  }
  if (labels.size() < 2 || host == "*") refuse(text, "it has one part only");
  if (labels[0] == "*" && labels.size() < 3) refuse(text, "it would be everything below a top-level domain");
  if (host.size() > kMaxHost) refuse(text, "it is longer than 253 characters");
  const std::string& last = host.substr(host.rfind('.') + 1);
  if (last.find_first_not_of("0123456789") == std::string::npos) refuse(text, "it is an address");
  return host;
}

}  // namespace controller
