#include "builder/detail/apt_sources.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <sstream>

#include "base/fd.h"
#include "base/strings.h"

namespace builder::detail {
namespace {

std::vector<std::string> words(std::string_view text) {
  std::istringstream stream{std::string(text)};
  std::vector<std::string> found;
  for (std::string word; stream >> word;)
    found.push_back(word);
  return found;
}

std::string lowerCase(std::string_view text) {
  std::string lower(text);
  for (char& letter : lower)
    letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  return lower;
}

/// Options that matter when a suite is fetched, by their names in both styles.
constexpr std::array<std::string_view, 5> kOptions = {"signed-by", "trusted", "check-valid-until",
                                                      "check-date", "allow-insecure"};

bool isDebianComponent(const std::string& component) {
  return component == "main" || component == "contrib" || component == "non-free" ||
         component == "non-free-firmware";
}

bool isDebianKeyring(const AptSource& source) {
  constexpr std::string_view kKey = "signed-by=";
  for (const auto& option : source.options) {
    if (!option.starts_with(kKey)) continue;
    const auto file = std::filesystem::path(option.substr(kKey.size())).filename().string();
    if (!file.starts_with("debian-archive")) return false;
  }
  return true;
}

bool isOfRelease(const AptSource& source, std::string_view release) {
  const std::string name(release);
  return (source.suite == name || source.suite == name + "-updates" || source.suite == name + "-security") &&
         std::any_of(source.components.begin(), source.components.end(), isDebianComponent);
}

void append(std::vector<AptSource>& all, std::vector<AptSource> more) {
  for (auto& source : more)
    all.push_back(std::move(source));
}

using Stanza = std::map<std::string, std::string>;

/// Fields by lower-case name; continuation lines are joined with spaces.
std::vector<Stanza> parseStanzas(std::string_view text) {
  std::vector<Stanza> stanzas(1);
  std::string field;
  for (const auto& line : base::split(text, '\n')) {
    if (line.starts_with('#')) continue;
    if (base::trim(line).empty()) {
      if (!stanzas.back().empty()) stanzas.emplace_back();
      field.clear();
    } else if (line.front() == ' ' || line.front() == '\t') {
      if (!field.empty()) stanzas.back()[field] += " " + std::string(base::trim(line));
    } else if (const auto colon = line.find(':'); colon != std::string::npos) {
      field = lowerCase(base::trim(std::string_view(line).substr(0, colon)));
      stanzas.back()[field] = std::string(base::trim(std::string_view(line).substr(colon + 1)));
    }
  }
  return stanzas;
}

void appendStanza(std::vector<AptSource>& sources, Stanza& stanza) {
  const auto types = words(stanza["types"]);
  if (std::find(types.begin(), types.end(), "deb") == types.end()) return;
  if (const auto enabled = lowerCase(stanza["enabled"]); enabled == "no" || enabled == "false") return;
  AptSource source;
  for (const auto option : kOptions) {
    const std::string value = stanza[std::string(option)];
    // A key written into the file itself has no one-line form; mmdebstrap then tries the keyrings that it
    // knows.
    if (value.empty() || value.find(' ') != std::string::npos) continue;
    source.options.push_back(std::string(option) + "=" + value);
  }
  source.components = words(stanza["components"]);
  for (const auto& uri : words(stanza["uris"])) {
    for (const auto& suite : words(stanza["suites"])) {
      source.uri = uri;
      source.suite = suite;
      sources.push_back(source);
    }
  }
}

}  // namespace

std::string AptSource::line() const {
  std::string text = "deb ";
  if (!options.empty()) text += "[" + base::join(options, " ") + "] ";
  return text + uri + " " + suite + " " + base::join(components, " ");
}

std::vector<AptSource> parseListFile(std::string_view text) {
  std::vector<AptSource> sources;
  for (const auto& whole : base::split(text, '\n')) {
    std::string line = whole.substr(0, whole.find('#'));
    AptSource source;
    const auto open = line.find('[');
    const auto close = line.find(']');
    if (open != std::string::npos && close != std::string::npos && close > open) {
      for (auto& option : words(line.substr(open + 1, close - open - 1))) {
        const std::string key = option.substr(0, option.find('='));
        if (std::find(kOptions.begin(), kOptions.end(), key) != kOptions.end())
          source.options.push_back(option);
      }
      line.replace(open, close - open + 1, " ");
    }
    auto parts = words(line);
    if (parts.size() < 4 || parts[0] != "deb") continue;
    source.uri = parts[1];
    source.suite = parts[2];
    source.components.assign(parts.begin() + 3, parts.end());
    sources.push_back(std::move(source));
  }
  return sources;
}

std::vector<AptSource> parseSourcesFile(std::string_view text) {
  std::vector<AptSource> sources;
  for (auto& stanza : parseStanzas(text))
    appendStanza(sources, stanza);
  return sources;
}

std::vector<AptSource> releaseSources(const std::filesystem::path& aptFolder, std::string_view release) {
  std::vector<std::filesystem::path> files;
  std::error_code missing;
  if (std::filesystem::exists(aptFolder / "sources.list", missing))
    files.push_back(aptFolder / "sources.list");
  for (const auto& entry : std::filesystem::directory_iterator(aptFolder / "sources.list.d", missing)) {
    files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  std::vector<AptSource> all;
  for (const auto& file : files) {
    if (file.extension() == ".list") append(all, parseListFile(base::readFile(file)));
    if (file.extension() == ".sources") append(all, parseSourcesFile(base::readFile(file)));
  }
  std::erase_if(all, [&](const AptSource& source) {
    return !isOfRelease(source, release) || !isDebianKeyring(source);
  });
  return all;
}

std::vector<std::string> transportSettings(std::string_view aptConfigDump) {
  std::vector<std::string> settings;
  for (const auto& line : base::split(aptConfigDump, '\n')) {
    if (line.ends_with(" \"\";")) continue;
    const std::string key = lowerCase(std::string_view(line).substr(0, line.find(' ')));
    const bool transport = key.starts_with("acquire::http::") || key.starts_with("acquire::https::") ||
                           key == "acquire::retries" || key == "acquire::forceipv4" ||
                           key == "acquire::check-valid-until" || key == "acquire::check-date";
    if (transport) settings.push_back(line);
  }
  return settings;
}

}  // namespace builder::detail
