// ForeignTrees and HostPrograms as a supervisor does them.
#pragma once

#include <filesystem>
#include <string>

#include "sandbox/detail/supervisor_client.h"
#include "sandbox/foreign_trees.h"
#include "sandbox/host_programs.h"

namespace sandbox {

/// As the supervisor takes paths: absolute, and a final slash or a "." means nothing.
std::filesystem::path tidyPath(const std::filesystem::path& path);

class RemoteTrees : public ForeignTrees {
 public:
  /// It outlives this.
  explicit RemoteTrees(SupervisorClient& client) : client_(client) {}

  void give(const std::filesystem::path& path, TreeOwner owner, Depth depth) override;
  void takeBack(const std::filesystem::path& path, Depth depth) override;
  void remove(const std::filesystem::path& path) override;
  void merge(const std::filesystem::path& changes, const std::filesystem::path& kept,
             const std::filesystem::path& trash) override;
  std::uint64_t diskBytes(const std::filesystem::path& path, std::stop_token stop) override;
  void giveTerminal(const base::Fd& terminal, TreeOwner owner) override;
  void unpackLayer(const base::Fd& tar, const std::filesystem::path& folder) override;

 private:
  SupervisorClient& client_;
};

class RemotePrograms : public HostPrograms {
 public:
  /// It outlives this.
  explicit RemotePrograms(SupervisorClient& client) : client_(client) {}

  Started start(const std::string& name, const base::Fd& output) override;
  void signal(const std::string& name, pid_t pid, int signalNumber) override;
  base::ExitStatus run(const std::string& name, const base::Fd& output, const base::Fd& log,
                       std::stop_token stop) override;
  base::Fd openFile(const std::filesystem::path& path) override;

 private:
  SupervisorClient& client_;
};

}  // namespace sandbox
