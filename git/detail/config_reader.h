// The syntax of git's configuration files. (git-config, "Syntax".)
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace git::detail {

struct ConfigEntry {
  std::string section;                    ///< in lower case
  std::optional<std::string> subsection;  ///< as written
  std::string key;                        ///< in lower case
  std::optional<std::string> value;       ///< none for a key alone on its line, which means true
};

/// Reads entries one by one, with git's eye for what is malformed. One thread at a time.
class ConfigReader {
 public:
  explicit ConfigReader(std::string_view text) noexcept;
  /// nullopt at the end and where the text is malformed: then malformed() is true.
  std::optional<ConfigEntry> next();
  bool malformed() const noexcept { return malformed_; }

 private:
  static constexpr int kEnd = -1;
  int take() noexcept;
  std::optional<ConfigEntry> fail() noexcept;
  void skipLine() noexcept;
  bool readSection();
  bool readQuotedSubsection();
  bool readValue(std::string& value);

  std::string_view text_;
  std::size_t at_ = 0;
  bool malformed_ = false;
  std::string section_;
  std::optional<std::string> subsection_;
};

}  // namespace git::detail
