// Where a build's lines go.
#pragma once

#include <string_view>

#include "base/byte_sink.h"

namespace builder {

/// A build's log as the pusher sees it. write() takes raw bytes from buildpacks; step(), detail() and error()
/// are the platform's own lines. Implemented by the controller over the build's log file; never blocks on a
/// watcher.
class BuildOutput : public base::ByteSink {
 public:
  /// "-----> text"
  void step(std::string_view text);
  /// "       text"
  void detail(std::string_view text);
  /// " !     text"
  void error(std::string_view text);
};

}  // namespace builder
