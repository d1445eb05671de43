// What this machine lacks to serve, and what to do about it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "controller/public_urls.h"
#include "store/model.h"

namespace controller {

/// One line of the report.
struct Finding {
  enum class Level { ok, warn, fail };
  std::string check;  ///< "kernel", "overlayfs"; stable
  Level level = Level::ok;
  std::string found;   ///< one phrase
  std::string remedy;  ///< what to do; empty when it is ok
};
std::string_view name(Finding::Level level) noexcept;

/// What is looked at. The roots are for tests.
struct DoctorSettings {
  std::filesystem::path data;
  std::string domain;
  /// Setting and address: "ssh_listen", "127.0.0.1:2222".
  std::vector<std::pair<std::string, std::string>> listeners;
  std::string defaultStack;
  std::uint64_t minFreeBytes = 0;
  std::string routerUser = "caddy";
  /// Who serve becomes: settings daemon_user, and the ids that it has then.
  std::string daemonUser = "fairlead";
  std::uint32_t daemonUid = 0;
  std::uint32_t daemonGid = 0;
  /// Whose server it is or will be when it is not root's; empty otherwise.
  std::string ordinaryUser{};
  std::filesystem::path proc = "/proc";
  std::filesystem::path sys = "/sys";
};

/// How it looks.
struct DoctorMeans {
  /// Starts a container and describes the runtime; throws Error.
  std::function<std::string()> tryRuntime;
  /// Of a server that runs: its stacks, and where it listens.
  std::optional<std::vector<store::Stack>> stacks;
  std::optional<Endpoints> endpoints;
};

/// Looks at kernel, user namespaces, overlayfs, cgroups, runtime, network, Caddy, the account of the server,
/// disk, clock, name service, ports, stacks and the data folder. Changes nothing but for a folder below the
/// data folder while it lasts. Thread-safe; takes some seconds.
class Doctor {
 public:
  Doctor(DoctorSettings settings, const base::Clock& clock) : settings_(std::move(settings)), clock_(clock) {}
  std::vector<Finding> examine(const DoctorMeans& means) const;

  // Each finding by itself, for tests.
  Finding kernel() const;
  Finding userNamespaces() const;
  Finding overlay() const;
  Finding cgroups() const;
  Finding runtime(const DoctorMeans& means) const;
  Finding network() const;
  Finding router() const;
  Finding daemon(const DoctorMeans& means) const;
  Finding disk() const;
  Finding clock() const;
  Finding nameService() const;
  std::vector<Finding> ports(const std::optional<Endpoints>& running) const;
  Finding stackAge(const std::vector<store::Stack>& stacks) const;
  Finding dataFolder() const;

 private:
  std::optional<std::string> read(const std::filesystem::path& file) const;

  const DoctorSettings settings_;
  const base::Clock& clock_;
};

/// A line for each, what to do below it, and the sum.
std::string renderReport(const std::vector<Finding>& findings);
base::JsonArray::Ptr renderFindings(const std::vector<Finding>& findings);
/// 1 when something fails, else 0.
int exitCodeOf(const std::vector<Finding>& findings) noexcept;

}  // namespace controller
