// Sends the pack that a plan describes.
#pragma once

#include <cstdint>
#include <stop_token>

#include "base/byte_sink.h"
#include "git/detail/pack_plan.h"

namespace git::detail {

struct PackStyle {
  bool offsetDeltas = false;  ///< the client reads deltas that give their base by its distance
  bool thin = false;          ///< deltas may have bases that only the client has
};

struct PackStats {
  std::uint64_t objects = 0;
  std::uint64_t deltas = 0;
  std::uint64_t reused = 0;  ///< sent as they are stored
  std::uint64_t bytes = 0;
};

/// Copies what is stored wherever the client can use it; deflates the rest. Memory does not grow with the
/// pack, but for 32 bits per object of a pack that is sent in part, and for one object at a time that has to
/// be deflated. Throws corrupt, cancelled, and what the sink throws.
PackStats writePack(const ObjectDatabase& objects, const PackPlan& plan, const PackStyle& style,
                    base::ByteSink& out, const std::stop_token& stop);

}  // namespace git::detail
