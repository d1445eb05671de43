// A file on its way to a client.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/fd.h"

namespace base {

/// What is sent, and who watches over it: what read() and allowEnd() throw keeps back the last bytes of the
/// answer, so that no client takes wrong ones for the file. One thread at a time.
class ServedFile {
 public:
  virtual ~ServedFile() = default;
  /// For the kernel to send from.
  virtual const Fd& fd() const = 0;
  virtual std::uint64_t sizeBytes() const = 0;
  /// Asked once before a file is sent from its first byte to its last: whether all of it has to go through
  /// read(), in order, and not past us through the kernel.
  virtual bool wantsToSee() = 0;
  /// Exactly `count` bytes.
  virtual void read(char* buffer, std::size_t count, std::uint64_t offset) = 0;
  /// Called before the last bytes of the file's part go out, which were read before.
  virtual void allowEnd() = 0;
};

}  // namespace base
