// Sinks over a channel that speak side-band. (gitprotocol-pack, "Packfile Data".)
#pragma once

#include <string>
#include <string_view>

#include "base/byte_sink.h"
#include "gitd/detail/channel_io.h"
#include "gitd/detail/terminal_filter.h"

namespace gitd::detail {

/// Band 1: the data itself. Gathers packets of full length; flush() sends the rest. One thread at a time.
/// Throws cancelled when the client is gone.
class DataBand : public base::ByteSink {
 public:
  explicit DataBand(ChannelIo& io) : io_(io) {}
  void write(std::string_view bytes) override;
  void flush();

 private:
  ChannelIo& io_;
  std::string payload_;
};

/// Band 2: what the pusher sees after "remote: ", without the control sequences that could take over a
/// terminal. One thread at a time; never throws because the client is gone.
class ScreenSink : public base::ByteSink {
 public:
  explicit ScreenSink(ChannelIo& io) : io_(io) {}
  void write(std::string_view bytes) override { io_.writeProgress(filter_.filter(bytes)); }

 private:
  ChannelIo& io_;
  TerminalFilter filter_;
};

}  // namespace gitd::detail
