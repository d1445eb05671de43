// Objects of any shape, good or bad, written past git's own checks.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace gitd::testing {

struct Entry {
  std::string mode;
  std::string name;
  std::string id;  ///< 40 hex digits
};

/// Writes a loose object into the repository and returns its id.
std::string writeObject(const std::filesystem::path& repository, const std::string& type,
                        const std::string& bytes);
std::string writeBlob(const std::filesystem::path& repository, const std::string& bytes);
/// Entries in the order given.
std::string writeTree(const std::filesystem::path& repository, const std::vector<Entry>& entries);
std::string treeBytes(const std::vector<Entry>& entries);
std::string writeCommit(const std::filesystem::path& repository, const std::string& tree,
                        const std::string& parent = "");

}  // namespace gitd::testing
