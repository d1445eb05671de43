// What containers, name servers and a daemon that somebody has taken over send, as functions over bytes: for
// the fuzzers, and for the replay of their corpus as a unit test.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "sandbox/detail/dns_message.h"
#include "sandbox/detail/supervisor_messages.h"

namespace fuzz {

/// A question is answered and the answer read back; any bytes are read as an answer.
inline void dns(std::string_view bytes) {
  if (const auto question = sandbox::DnsQuestion::parse(bytes)) {
    const std::string reply = dnsReply(*question, sandbox::DnsCode::ok, {1, 2, 3});
    const auto answer = sandbox::parseDnsAnswer(reply, question->id, question->name);
    CHECK(!answer || answer->addresses.size() == 3);
    CHECK(answer.has_value() == (question->type == sandbox::kDnsTypeA));
    if (const auto query = sandbox::dnsQuery(1, question->name))
      CHECK(sandbox::DnsQuestion::parse(*query)->name == question->name);
  }
  sandbox::parseDnsAnswer(bytes, 0x1234, "www.example.org");
}

/// Whatever decodes is what encodes to the same bytes: there is one way to say a thing, and nothing is lost.
template <typename Decode, typename Encode>
void onlyWay(std::string_view bytes, const Decode& decode, const Encode& encode) {
  try {
    CHECK(encode(decode(bytes)) == bytes);
  } catch (const base::Error& error) {
    CHECK(error.code() == base::Errc::invalidArgument);
  }
}

/// A call to the supervisor; the same bytes as an answer and as settings.
inline void supervisorCall(std::string_view bytes) {
  onlyWay(bytes, &sandbox::decodeCall, &sandbox::encodeCall);
  onlyWay(bytes, &sandbox::decodeAnswer, &sandbox::encodeAnswer);
  onlyWay(bytes, &sandbox::decodeSettings, &sandbox::encodeSettings);
}

}  // namespace fuzz
