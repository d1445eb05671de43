// The routes as files that Caddy looks at for every request, so that a change of routes is no change of its
// configuration.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "runner/router.h"

namespace runner::detail {

/// Why files: every change through Caddy's admin API reloads the whole server. In 2.6 that resets connections
/// waiting in the old listener's queue, closes idle keep-alive connections under clients that are just
/// sending, ends all websockets, and gives up requests that wait for a retry. A file matcher sees the change
/// at once and touches nothing that is open.
///
///   live/HOST       -> ../sets/ID, a symlink: renaming a new one over it is the change
///   sets/ID/S-A,B,C    sixteen empty files, S = 0..f: Caddy takes a random one; A, B, C are the backends
///   that it tries in turn
///   sets/ID/S-none-APP when there is no backend; S-starting-APP or S-crashed-APP when that is why;
///   S-maintenance-APP in maintenance
///   live/_wildcard.DOMAIN is *.DOMAIN
///
/// Of more than 48 backends 48 are used. One thread at a time.
class RouteFiles {
 public:
  static constexpr int kSlots = 16;
  static constexpr int kPerSlot = 3;

  explicit RouteFiles(std::filesystem::path folder);
  /// The first call writes all and removes what an earlier daemon left; later ones only what differs. Each
  /// host changes in one step. Throws invalidArgument for a host or backend that cannot be a file name.
  void apply(const std::vector<Route>& routes);

 private:
  void publish(const std::string& host, const std::vector<std::string>& names);
  void sweep();

  std::filesystem::path folder_;
  std::map<std::string, std::vector<std::string>> written_;  // host to the names in its set
  bool swept_ = false;
};

/// The names in the set of a host of `route`, sorted.
std::vector<std::string> slotNames(const Route& route);

}  // namespace runner::detail
