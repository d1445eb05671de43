// Sinks over a wire that speak side-band. (gitprotocol-pack, "Packfile Data".)
#pragma once

#include <string>
#include <string_view>

#include "base/byte_sink.h"
#include "git/pkt_line.h"
#include "git/wire.h"

namespace git {

/// Payload bytes, the band's number included, of a client that asked for "side-band" without "-64k".
inline constexpr std::size_t kSmallBandPayload = 996;

/// Band 1: the data itself. Gathers packets of full length; flush() sends the rest. One thread at a time.
/// Throws cancelled when the client is gone.
class DataBand : public base::ByteSink {
 public:
  explicit DataBand(Wire& wire, std::size_t maxPayload = kMaxPktPayload)
      : wire_(wire), maxPayload_(maxPayload) {}
  void write(std::string_view bytes) override;
  void flush();

 private:
  Wire& wire_;
  std::size_t maxPayload_;
  std::string packet_;  // with room for the length in front
};

/// Band 2: what the client's user sees after "remote: ", as it comes. One thread at a time; never throws
/// because the client is gone.
class ProgressBand : public base::ByteSink {
 public:
  explicit ProgressBand(Wire& wire) : wire_(wire) {}
  void write(std::string_view bytes) override { wire_.writeProgress(bytes); }

 private:
  Wire& wire_;
};

}  // namespace git
