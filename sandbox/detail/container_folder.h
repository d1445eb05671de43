// Makes and removes what a container is made from: its folder, its overlay and its configuration.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "sandbox/detail/container_files.h"
#include "sandbox/detail/oci_bundle.h"

namespace sandbox {

/// Throws invalidArgument for an id that is not [a-z0-9][a-z0-9_.-]{0,63}.
void checkId(const std::string& id);

/// Throws invalidArgument for a spec that no runtime could start.
void checkSpec(const ContainerSpec& spec);

struct FolderSettings {
  std::filesystem::path initProgram;
  std::filesystem::path emptyLayer;  ///< stands in where a spec has no layers
  std::uint32_t userNamespaceBase = 0;
  std::string cgroupsPath;
  bool limitSwap = false;
  bool showLimits = false;  ///< as files, see limitFiles()
  std::string resolvConf;   ///< text
};

/// Fills the folder, which exists and is empty: generated files, overlay, mount targets, config.json. What a
/// failure leaves is discardFolder()'s. Blocks for a few ms.
void fillFolder(const ContainerSpec& spec, const ContainerFiles& files, const FolderSettings& settings);

/// What conmon, which is root and goes by names, is to write a log to: the same file by a way on which no
/// symlink is followed. Its folder is open to who may be anybody.
std::filesystem::path placeLog(const std::filesystem::path& logFile, const ContainerFiles& files);

/// Adds the container's own name to its hosts file, which may be mounted already.
void addHostsEntry(const ContainerFiles& files, const std::string& address, const std::string& hostname);

/// In place of those that it was given before: lines of the form "ADDRESS\tNAME...\n". The file stays the
/// same one.
void setHostsEntries(const ContainerFiles& files, const std::string& lines);

/// Unmounts everything; fine when nothing is mounted.
void unmountFolder(const ContainerFiles& files);

/// Unmounts and removes everything; fine when some of it is not there.
void discardFolder(const ContainerFiles& files);

}  // namespace sandbox
