// User, mount and network namespaces that an ordinary user may make.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/fd.h"

namespace sandbox {

/// A range of host ids.
struct IdRange {
  std::uint32_t first = 0;
  std::uint32_t count = 0;
};

/// From what getsubids(1) prints ("0: NAME FIRST COUNT" a line): enough for one container's 65536 ids, or
/// empty.
std::vector<IdRange> enoughIds(const std::string& text);

/// With the calling user as root, and its subordinate ids from 1 on; with this machine's mounts, but a /sys
/// of their own, an empty folder where containers are mounted, and name servers that can be reached from
/// there; with a network that has nothing yet. A process in them, which does nothing, lives as long as the
/// object.
class OwnNamespaces {
 public:
  /// The calling process has one thread and stays where it is. Throws unavailable with what is missing, and
  /// how to get it.
  explicit OwnNamespaces(const std::string& nameServers);
  ~OwnNamespaces();
  OwnNamespaces(const OwnNamespaces&) = delete;
  OwnNamespaces& operator=(const OwnNamespaces&) = delete;

  const base::Fd& user() const noexcept { return user_; }
  const base::Fd& mount() const noexcept { return mount_; }
  const base::Fd& network() const noexcept { return network_; }
  pid_t pid() const noexcept { return pid_; }

 private:
  void start(const std::string& nameServers);
  void await(char word) const;
  void end() noexcept;

  pid_t pid_ = -1;
  base::Fd in_;
  base::Fd out_;
  base::Fd user_;
  base::Fd mount_;
  base::Fd network_;
};

}  // namespace sandbox
