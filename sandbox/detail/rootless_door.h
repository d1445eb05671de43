// The process that stays outside of an ordinary user's namespaces.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "sandbox/detail/frame_socket.h"
#include "sandbox/detail/own_namespaces.h"

namespace sandbox {

/// What of the door is found in its folder.
struct DoorFiles {
  std::filesystem::path folder;

  std::filesystem::path socket() const { return folder / "door.sock"; }
  std::filesystem::path networkPid() const { return folder / "pasta.pid"; }
  std::filesystem::path networkLog() const { return folder / "pasta.log"; }
};

/// pasta(1): it carries the namespaces' packets by sockets of the host, which an ordinary user may have. One
/// thread at a time.
class OutsideNetwork {
 public:
  explicit OutsideNetwork(DoorFiles files) : files_(std::move(files)) {}

  /// Replaces the one that forwards others. Throws unavailable with what pasta says.
  void forward(const OwnNamespaces& namespaces, const std::vector<std::string>& addresses);
  const std::vector<std::string>& forwarded() const noexcept { return addresses_; }
  /// Readable when it has ended; invalid when there is none.
  const base::Fd& process() const noexcept { return process_; }
  pid_t pid() const noexcept { return pid_; }
  void end() noexcept;

  /// Ends the one that a door before has left.
  static void endLeft(const DoorFiles& files);

 private:
  const DoorFiles files_;
  std::vector<std::string> addresses_;
  base::Fd process_;
  pid_t pid_ = 0;
};

/// "127.0.0.1/8080" as pasta's -t has it, from "127.0.0.1:8080".
std::string forwardingOf(const std::string& address);

/// Whether a process other than `known` lives in a user namespace or in one that was made in it.
bool isInhabited(const base::Fd& userNamespace, const std::vector<pid_t>& known);

/// What the door is asked: a word and what it is about, a line each.
struct DoorRequest {
  std::string word;  ///< "list", "forward"
  std::vector<std::string> addresses;

  std::string text() const;
  static DoorRequest parse(const std::string& text);
};

/// Serves until no server is there and nobody lives in the namespaces. One thread.
class Door {
 public:
  Door(base::Fd listener, DoorFiles files, std::string nameServers);
  void serve();

 private:
  void answer(FrameSocket& socket);
  void restoreNetwork();

  const base::Fd listener_;
  const std::string nameServers_;
  std::optional<OwnNamespaces> namespaces_;  // made for the first who comes, and hears it when that fails
  std::optional<std::vector<std::string>> wanted_;  // addresses, from the first server on
  bool hasFailed_ = false;                          // the network has, and somebody was told
  OutsideNetwork network_;
  base::Fd server_;  // pidfd
};

}  // namespace sandbox
