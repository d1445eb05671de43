#include "controller/body_intake.h"

#include <sys/statvfs.h>

#include <cerrno>
#include <vector>

#include "base/error.h"

namespace controller {
namespace {

constexpr std::size_t kStepBytes = 256u << 10;
constexpr std::uint64_t kRoomEvery = 16ull << 20;

void requireRoom(const IntakeRules& rules) {
  struct statvfs state {};
  if (::statvfs(rules.folder.c_str(), &state) != 0) base::throwErrno(errno, "asking for free disk space");
  if (static_cast<std::uint64_t>(state.f_bavail) * state.f_frsize < rules.minFreeBytes)
    throw base::Error(base::Errc::diskFull,
                      "the server's disk is nearly full (setting disk_min_free_bytes): ask its operator for "
                      "room");
}

}  // namespace

void takeBody(base::ByteSource& body, base::ByteSink& out, const IntakeRules& rules,
              const base::Clock& clock) {
  requireRoom(rules);
  std::vector<char> buffer(kStepBytes);
  std::uint64_t received = 0;
  std::uint64_t sinceRoom = 0;
  while (const std::size_t count = body.read(buffer.data(), buffer.size())) {
    if (count > rules.maxBytes - received) rules.refuseSize();
    received += count;
    sinceRoom += count;
    if (sinceRoom > kRoomEvery) {
      requireRoom(rules);
      sinceRoom = 0;
    }
    if (clock.now() > rules.end)
      throw base::Error(base::Errc::permissionDenied,
                        "this URL's time is over (setting url_lifetime_s): ask the server for a new one");
    out.write({buffer.data(), count});
  }
}

}  // namespace controller
