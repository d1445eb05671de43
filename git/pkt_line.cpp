#include "git/pkt_line.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace git {
namespace {

constexpr std::size_t kReadAhead = 32u << 10;

int hexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::size_t parseLength(std::string_view header) {
  std::size_t length = 0;
  for (const char c : header) {
    const int digit = hexDigit(c);
    if (digit < 0)
      throw base::Error(base::Errc::invalidArgument, "protocol error: bad line length character");
    length = length * 16 + static_cast<std::size_t>(digit);
  }
  return length;
}

}  // namespace

void writePktLength(char* header, std::size_t length) noexcept {
  constexpr char digits[] = "0123456789abcdef";
  for (std::size_t at = 0; at < kPktHeader; ++at)
    header[at] = digits[(length >> (12 - 4 * at)) & 15];
}

void appendPkt(std::string& out, std::string_view payload) {
  CHECK(payload.size() <= kMaxPktPayload);
  char header[kPktHeader];
  writePktLength(header, payload.size() + kPktHeader);
  out.append(header, kPktHeader).append(payload);
}

std::string pktLine(std::string_view payload) {
  std::string out;
  out.reserve(payload.size() + kPktHeader);
  appendPkt(out, payload);
  return out;
}

Pkt PktReader::next() {
  if (!fill(kPktHeader)) {
    if (at_ == buffer_.size()) return {};
    throw base::Error(base::Errc::io, "protocol error: the connection ended inside a packet");
  }
  const std::size_t length = parseLength(std::string_view(buffer_).substr(at_, kPktHeader));
  if (length < kPktHeader) {
    at_ += kPktHeader;
    if (length == 0) return {PktKind::flush, {}};
    if (length == 1) return {PktKind::delim, {}};
    if (length == 2) return {PktKind::responseEnd, {}};
    throw base::Error(base::Errc::invalidArgument, "protocol error: bad line length 3");
  }
  if (length > kMaxPktPayload + kPktHeader) {
    throw base::Error(base::Errc::invalidArgument, "protocol error: a packet is longer than 65520 bytes");
  }
  if (!fill(length))
    throw base::Error(base::Errc::io, "protocol error: the connection ended inside a packet");
  std::string_view payload = std::string_view(buffer_).substr(at_ + kPktHeader, length - kPktHeader);
  at_ += length;
  if (payload.ends_with('\n')) payload.remove_suffix(1);
  return {PktKind::data, payload};
}

std::size_t PktReader::read(char* buffer, std::size_t capacity) {
  if (at_ == buffer_.size()) return in_.read(buffer, capacity);
  const std::size_t count = std::min(capacity, buffer_.size() - at_);
  std::memcpy(buffer, buffer_.data() + at_, count);
  at_ += count;
  return count;
}

bool PktReader::fill(std::size_t wanted) {
  while (buffer_.size() - at_ < wanted) {
    buffer_.erase(0, std::exchange(at_, 0));
    const std::size_t had = buffer_.size();
    buffer_.resize(had + kReadAhead);
    const std::size_t count = in_.read(buffer_.data() + had, kReadAhead);
    buffer_.resize(had + count);
    if (count == 0) return false;
  }
  return true;
}

}  // namespace git
