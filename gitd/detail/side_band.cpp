#include "gitd/detail/side_band.h"

#include <algorithm>

#include "gitd/detail/pkt_line.h"

namespace gitd::detail {

void DataBand::write(std::string_view bytes) {
  while (!bytes.empty()) {
    if (payload_.empty()) payload_.push_back('\1');
    const std::size_t count = std::min(bytes.size(), kMaxPktPayload - payload_.size());
    payload_.append(bytes.substr(0, count));
    bytes.remove_prefix(count);
    if (payload_.size() == kMaxPktPayload) flush();
  }
}

void DataBand::flush() {
  if (payload_.empty()) return;
  io_.write(ChannelIo::Stream::out, pktLine(payload_));
  payload_.clear();
}

}  // namespace gitd::detail
