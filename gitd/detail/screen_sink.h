// What a pusher sees on the screen.
#pragma once

#include <string_view>

#include "base/byte_sink.h"
#include "git/wire.h"
#include "gitd/detail/terminal_filter.h"

namespace gitd::detail {

/// Band 2: what the pusher sees after "remote: ", without the control sequences that could take over a
/// terminal. One thread at a time; never throws because the client is gone.
class ScreenSink : public base::ByteSink {
 public:
  explicit ScreenSink(git::Wire& wire) : wire_(wire) {}
  void write(std::string_view bytes) override { wire_.writeProgress(filter_.filter(bytes)); }

 private:
  git::Wire& wire_;
  TerminalFilter filter_;
};

}  // namespace gitd::detail
