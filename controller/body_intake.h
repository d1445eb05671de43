// Taking a request's body to the disk.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

#include "base/byte_sink.h"
#include "base/clock.h"

namespace controller {

struct IntakeRules {
  std::filesystem::path folder;      ///< whose disk it goes to
  std::uint64_t maxBytes = 0;        ///< of the body
  std::uint64_t minFreeBytes = 0;    ///< setting disk_min_free_bytes: what has to stay of the disk
  base::Time end;                    ///< of the permission to send it
  std::function<void()> refuseSize;  ///< throws what is to be said of more than maxBytes
};

/// Copies the body to `out`. Throws what refuseSize() throws; permissionDenied when the permission ends
/// meanwhile; diskFull when the disk is nearly full, looked at before the first byte and every 16 MiB; what
/// `body` and `out` throw.
void takeBody(base::ByteSource& body, base::ByteSink& out, const IntakeRules& rules,
              const base::Clock& clock);

}  // namespace controller
