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
///   sets/ID/S          sixteen folders, S = 0..f: Caddy takes a random one. The first with a content is a
///   folder, the others are symlinks to it
///   sets/ID/S/A,B,C    an empty file, the only one: looking costs less than half of what it costs among
///   sixteen; A, B, C are the backends that Caddy tries in turn
///   sets/ID/S/none-APP when there is no backend; starting-APP or crashed-APP when that is why;
///   maintenance-APP in maintenance. Only backends have a ":"
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

/// Patterns by which Caddy's file matcher finds what a set has in a slot: `slot` is the way from live/, as
/// "/HOST/S". Three times the same, see RouteFiles::publish(); then as an earlier version had it, for the
/// routes that its daemon has left, until this one writes its own.
std::vector<std::string> patternsOf(const std::string& slot);

/// What stands in each of the sixteen folders of a host of `route`, by their order.
std::vector<std::string> slotNames(const Route& route);

}  // namespace runner::detail
