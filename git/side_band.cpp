#include "git/side_band.h"

#include <algorithm>

namespace git {

void DataBand::write(std::string_view bytes) {
  while (!bytes.empty()) {
    if (packet_.empty()) packet_.assign("0000\1");
    const std::size_t count = std::min(bytes.size(), maxPayload_ + kPktHeader - packet_.size());
    packet_.append(bytes.substr(0, count));
    bytes.remove_prefix(count);
    if (packet_.size() == maxPayload_ + kPktHeader) flush();
  }
}

void DataBand::flush() {
  if (packet_.empty()) return;
  writePktLength(packet_.data(), packet_.size());
  wire_.write(packet_);
  packet_.clear();
}

}  // namespace git
