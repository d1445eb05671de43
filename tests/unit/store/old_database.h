// Databases as earlier versions left them.
#pragma once

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "store/detail/sqlite.h"

namespace store {
namespace detail {
const std::vector<std::pair<std::string_view, std::string_view>>& schemaFiles();  // made by cmake/embed.cmake
}

/// A new one with the schema of a version, for a test to fill. Triggers that record events need functions
/// that only the program has.
class OldDatabase : public detail::Connection {
 public:
  OldDatabase(const std::filesystem::path& file, std::size_t version) : Connection(made(file)) {
    for (std::size_t i = 0; i < version; ++i)
      runScript(std::string(detail::schemaFiles()[i].second));
    runScript("PRAGMA user_version = " + std::to_string(version));
  }

 private:
  static const std::filesystem::path& made(const std::filesystem::path& file) {
    const std::ofstream empty(file);
    return file;
  }
};

}  // namespace store
