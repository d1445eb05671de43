// The machine's own apt configuration, as far as a stack needs it.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace builder::detail {

/// One "deb" line: where packages of one suite come from. Immutable value. (sources.list(5), one-line and
/// deb822 style.)
struct AptSource {
  std::vector<std::string> options;  ///< "signed-by=/path", "trusted=yes"
  std::string uri;
  std::string suite;
  std::vector<std::string> components;
  /// "deb [signed-by=/path] URI SUITE COMPONENT..."
  std::string line() const;
  bool operator==(const AptSource&) const = default;
};

/// Entries of a *.list file; source packages, comments and lines that make no sense are left out.
std::vector<AptSource> parseListFile(std::string_view text);
/// Entries of a *.sources file, one for each URI and suite.
std::vector<AptSource> parseSourcesFile(std::string_view text);

/// Those of sources.list and sources.list.d below `aptFolder` ("/etc/apt") that are `release`'s own suites
/// ("bookworm", "bookworm-updates", "bookworm-security") signed by Debian's keyring: other vendors name their
/// suites "bookworm" too. Empty when there is none.
std::vector<AptSource> releaseSources(const std::filesystem::path& aptFolder, std::string_view release);

/// Of `apt-config dump`'s text, the settings that reaching the mirrors needs: proxies, CA files, validity
/// checks. As apt.conf lines.
std::vector<std::string> transportSettings(std::string_view aptConfigDump);

}  // namespace builder::detail
