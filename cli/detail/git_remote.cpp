#include "cli/detail/git_remote.h"

#include "base/fd.h"
#include "base/strings.h"

namespace cli::detail {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kConfigMaxBytes = 1u << 20;

std::string firstLine(const fs::path& file) {
  const std::string text = base::readFile(file, kConfigMaxBytes);
  return std::string(base::trim(text.substr(0, text.find('\n'))));
}

/// The folder with the repository's own config, given the ".git" entry of a working tree.
std::optional<fs::path> configFolder(const fs::path& dotGit) {
  if (fs::is_directory(dotGit)) return dotGit;
  if (!fs::is_regular_file(dotGit)) return std::nullopt;
  constexpr std::string_view kPrefix = "gitdir:";
  const std::string line = firstLine(dotGit);
  if (!line.starts_with(kPrefix)) return std::nullopt;
  const fs::path gitFolder = dotGit.parent_path() / base::trim(line.substr(kPrefix.size()));
  const fs::path common = gitFolder / "commondir";
  return fs::is_regular_file(common) ? gitFolder / firstLine(common) : gitFolder;
}

/// A value with its quotes, escapes and comment resolved.
std::string unquote(std::string_view text) {
  std::string value;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') {
      quoted = !quoted;
    } else if (c == '\\' && i + 1 < text.size()) {
      value += text[++i];
    } else if (!quoted && (c == '#' || c == ';')) {
      break;
    } else {
      value += c;
    }
  }
  return std::string(base::trim(value));
}

}  // namespace

std::optional<std::string> remoteUrl(const std::string& config, const std::string& remote) {
  const std::string wanted = "[remote \"" + remote + "\"]";
  std::optional<std::string> url;
  bool inside = false;
  for (const std::string& raw : base::split(config, '\n')) {
    const std::string_view line = base::trim(raw);
    if (line.starts_with('[')) {
      inside = line.starts_with(wanted);
      continue;
    }
    const auto equals = line.find('=');
    if (!inside || equals == std::string_view::npos || base::trim(line.substr(0, equals)) != "url") continue;
    url = unquote(base::trim(line.substr(equals + 1)));
  }
  return url;
}

std::string appOfUrl(const std::string& url) {
  std::string_view rest = url;
  while (rest.ends_with('/'))
    rest.remove_suffix(1);
  if (rest.ends_with(".git")) rest.remove_suffix(4);
  const auto separator = rest.find_last_of("/:");
  return std::string(separator == std::string_view::npos ? rest : rest.substr(separator + 1));
}

std::optional<std::string> appOfFolder(const std::filesystem::path& folder) {
  for (fs::path at = folder;; at = at.parent_path()) {
    std::error_code ignored;
    if (fs::exists(at / ".git", ignored)) {
      const auto holder = configFolder(at / ".git");
      if (!holder || !fs::is_regular_file(*holder / "config")) return std::nullopt;
      const auto url = remoteUrl(base::readFile(*holder / "config", kConfigMaxBytes), "fairlead");
      if (!url) return std::nullopt;
      const std::string app = appOfUrl(*url);
      return app.empty() ? std::nullopt : std::optional(app);
    }
    if (at == at.root_path() || at.empty()) return std::nullopt;
  }
}

}  // namespace cli::detail
