// A response's body, as it comes.
#pragma once

#include <ostream>

#include "base/byte_sink.h"
#include "base/error.h"

namespace api {

/// Each write goes out at once. Throws cancelled when the client went away. The stream outlives it.
class StreamSink : public base::ByteSink {
 public:
  explicit StreamSink(std::ostream& stream) : stream_(stream) {}
  void write(std::string_view bytes) override {
    stream_.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    stream_.flush();
    if (!stream_.good()) throw base::Error(base::Errc::cancelled, "the client went away");
  }

 private:
  std::ostream& stream_;
};

}  // namespace api
