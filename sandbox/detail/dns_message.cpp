#include "sandbox/detail/dns_message.h"

#include <algorithm>

#include "base/strings.h"

namespace sandbox {
namespace {

constexpr std::size_t kHeaderBytes = 12;
constexpr std::size_t kMaxLabel = 63;
constexpr std::size_t kMaxName = 253;
constexpr std::size_t kReplyBytes = 512;  // what every resolver library takes
constexpr std::size_t kRecordBytes = 16;
constexpr std::uint32_t kTtlS = 30;
constexpr std::uint16_t kInternet = 1;
constexpr std::uint16_t kAnswerBit = 0x8000;
constexpr std::uint16_t kOpcodeMask = 0x7800;
constexpr std::uint16_t kRecursionDesired = 0x0100;
constexpr std::uint16_t kRecursionAvailable = 0x0080;
constexpr std::uint16_t kCodeMask = 0x000f;
constexpr unsigned char kPointer = 0xc0;

void put16(std::string& out, std::uint16_t value) {
  out += static_cast<char>(value >> 8);
  out += static_cast<char>(value & 0xff);
}

void put32(std::string& out, std::uint32_t value) {
  put16(out, static_cast<std::uint16_t>(value >> 16));
  put16(out, static_cast<std::uint16_t>(value & 0xffff));
}

/// Reads a message from front to back; every read beyond the end makes it bad, and yields zeros.
class Reader {
 public:
  explicit Reader(std::string_view message) : message_(message) {}
  bool good() const noexcept { return good_; }
  std::size_t position() const noexcept { return position_; }

  std::uint16_t get16() {
    const auto high = get8();
    return static_cast<std::uint16_t>(high << 8 | get8());
  }
  std::uint32_t get32() {
    const std::uint32_t high = get16();
    return high << 16 | get16();
  }
  void skip(std::size_t count) {
    good_ = good_ && count <= message_.size() - position_;
    if (good_) position_ += count;
  }

  /// A name without compression: in questions nothing stands before it that could be pointed at.
  std::string name() {
    std::string name;
    for (unsigned length = get8(); good_ && length != 0; length = get8()) {
      if (length > kMaxLabel || name.size() + length > kMaxName) {
        good_ = false;
        break;
      }
      if (!name.empty()) name += '.';
      for (unsigned i = 0; i < length; ++i)
        name += shown(get8());
    }
    return name;
  }
  /// Over a name of any form.
  void skipName() {
    for (unsigned length = get8(); good_ && length != 0; length = get8()) {
      if ((length & kPointer) == kPointer) return skip(1);
      skip(length);
    }
  }

 private:
  unsigned char get8() {
    good_ = good_ && position_ < message_.size();
    return good_ ? static_cast<unsigned char>(message_[position_++]) : 0;
  }
  static char shown(unsigned char byte) {
    const char c = static_cast<char>(byte);
    if (c >= 'A' && c <= 'Z') return static_cast<char>(c - 'A' + 'a');
    const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    return plain ? c : '?';
  }

  std::string_view message_;
  std::size_t position_ = 0;
  bool good_ = true;
};

}  // namespace

std::optional<DnsQuestion> DnsQuestion::parse(std::string_view message) {
  Reader in(message);
  DnsQuestion question;
  question.id = in.get16();
  const std::uint16_t flags = in.get16();
  const std::uint16_t count = in.get16();
  in.skip(3 * sizeof(std::uint16_t));  // what else is in it (EDNS) is of no interest
  question.name = in.name();
  question.type = in.get16();
  question.net = in.get16();
  if (!in.good() || count != 1 || (flags & (kAnswerBit | kOpcodeMask)) != 0) return std::nullopt;
  question.raw = message.substr(kHeaderBytes, in.position() - kHeaderBytes);
  return question;
}

std::string dnsReply(const DnsQuestion& question, DnsCode code, const std::vector<std::uint32_t>& addresses) {
  const std::size_t room = (kReplyBytes - kHeaderBytes - question.raw.size()) / kRecordBytes;
  const std::size_t count = std::min(addresses.size(), room);
  std::string out;
  put16(out, question.id);
  put16(out, static_cast<std::uint16_t>(kAnswerBit | kRecursionDesired | kRecursionAvailable |
                                        static_cast<unsigned>(code)));
  put16(out, 1);
  put16(out, static_cast<std::uint16_t>(count));
  put32(out, 0);
  out += question.raw;
  for (std::size_t i = 0; i < count; ++i) {
    put16(out, static_cast<std::uint16_t>(kPointer << 8 | kHeaderBytes));  // the question's name
    put16(out, kDnsTypeA);
    put16(out, kInternet);
    put32(out, kTtlS);
    put16(out, sizeof(std::uint32_t));
    put32(out, addresses[i]);
  }
  return out;
}

std::optional<std::string> dnsQuery(std::uint16_t id, std::string_view name) {
  std::string out;
  put16(out, id);
  put16(out, kRecursionDesired);
  put16(out, 1);
  put32(out, 0);
  put16(out, 1);  // one additional record: EDNS
  if (name.empty() || name.size() > kMaxName) return std::nullopt;
  for (const std::string& label : base::split(name, '.')) {
    if (label.empty() || label.size() > kMaxLabel) return std::nullopt;
    out += static_cast<char>(label.size());
    out += label;
  }
  out += '\0';
  put16(out, kDnsTypeA);
  put16(out, kInternet);
  // RFC 6891: answers of up to 1232 bytes, which no network cuts into pieces.
  constexpr std::uint16_t kEdns = 41;
  constexpr std::uint16_t kAnswerBytes = 1232;
  out += '\0';
  put16(out, kEdns);
  put16(out, kAnswerBytes);
  put32(out, 0);
  put16(out, 0);
  return out;
}

std::optional<DnsAnswer> parseDnsAnswer(std::string_view message, std::uint16_t id, std::string_view name) {
  Reader in(message);
  const std::uint16_t answeredId = in.get16();
  const std::uint16_t flags = in.get16();
  const std::uint16_t questions = in.get16();
  const std::uint16_t answers = in.get16();
  in.skip(2 * sizeof(std::uint16_t));
  const std::string asked = in.name();
  const std::uint16_t askedType = in.get16();
  in.get16();
  if (!in.good() || answeredId != id || (flags & kAnswerBit) == 0 || questions != 1 || asked != name ||
      askedType != kDnsTypeA)
    return std::nullopt;
  DnsAnswer answer;
  const unsigned code = flags & kCodeMask;
  answer.code =
      code <= static_cast<unsigned>(DnsCode::noSuchName) ? static_cast<DnsCode>(code) : DnsCode::serverFailed;
  for (unsigned i = 0; i < answers && in.good(); ++i) {
    in.skipName();
    const std::uint16_t type = in.get16();
    const std::uint16_t net = in.get16();
    in.get32();
    const std::uint16_t length = in.get16();
    if (type == kDnsTypeA && net == kInternet && length == sizeof(std::uint32_t)) {
      const std::uint32_t address = in.get32();
      if (in.good()) answer.addresses.push_back(address);  // a cut answer is good as far as it goes
    } else {
      in.skip(length);
    }
  }
  return answer;
}

}  // namespace sandbox
