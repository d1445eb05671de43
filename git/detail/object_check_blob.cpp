#include <algorithm>
#include <string>

#include "git/detail/config_reader.h"
#include "git/detail/object_check.h"

namespace git::detail {
namespace {

bool isSeparator(char c) {
  return c == '/' || c == '\\';
}

bool looksLikeOption(std::string_view text) {
  return text.starts_with('-');
}

/// A submodule's name becomes a folder below .git/modules.
bool isSubmoduleName(std::string_view name) {
  if (name.empty()) return false;
  while (true) {
    const std::size_t end = std::min(name.find_first_of("/\\"), name.size());
    if (name.substr(0, end) == "..") return false;
    if (end == name.size()) return true;
    name.remove_prefix(end + 1);
  }
}

int hexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string percentDecoded(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape =
        text[i] == '%' && text.size() - i > 2 && hexDigit(text[i + 1]) >= 0 && hexDigit(text[i + 2]) >= 0;
    if (escape) {
      decoded.push_back(static_cast<char>(hexDigit(text[i + 1]) * 16 + hexDigit(text[i + 2])));
      i += 2;
    } else {
      decoded.push_back(text[i]);
    }
  }
  return decoded;
}

/// Takes "./" or "../" off the front, on any system; how many folders up that goes, -1 when there is none.
int takeDots(std::string_view& url) {
  for (const std::size_t dots : {std::size_t{2}, std::size_t{1}}) {
    if (url.size() > dots && url.substr(0, dots) == std::string_view("..").substr(0, dots) &&
        isSeparator(url[dots])) {
      url.remove_prefix(dots + 1);
      return static_cast<int>(dots) - 1;
    }
  }
  return -1;
}

/// The address that git hands to its HTTP helper, if it is one: "http::URL" or "http://...".
std::string_view httpAddress(std::string_view url) {
  for (const std::string_view scheme : {"http", "https", "ftp", "ftps"}) {
    if (!url.starts_with(scheme)) continue;
    const std::string_view rest = url.substr(scheme.size());
    if (rest.starts_with("::")) return rest.substr(2);
    if (rest.starts_with("://")) return url;
  }
  return {};
}

bool isHttpAddress(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos || scheme == 0) return false;
  const std::string_view rest = url.substr(scheme + 3);
  std::string_view host = rest.substr(0, rest.find_first_of("/?#"));
  if (const std::size_t at = host.find('@'); at != std::string_view::npos) host.remove_prefix(at + 1);
  return !host.empty() && percentDecoded(url).find('\n') == std::string::npos;
}

bool isSubmoduleUrl(std::string_view url) {
  if (looksLikeOption(url)) return false;
  std::string_view behindDots = url;
  int up = 0;
  bool relative = false;
  for (int step = takeDots(behindDots); step >= 0; step = takeDots(behindDots)) {
    relative = true;
    up += step;
  }
  if (relative || url.starts_with("git://")) {
    if (percentDecoded(url).find('\n') != std::string::npos) return false;
    return up == 0 || behindDots.empty() || (behindDots.front() != ':' && behindDots.front() != '/');
  }
  const bool http = url.starts_with("http::") || url.starts_with("https::") || url.starts_with("ftp::") ||
                    url.starts_with("ftps::") || !httpAddress(url).empty();
  return !http || isHttpAddress(httpAddress(url));
}

void checkSetting(const ObjectId& id, const ConfigEntry& entry, FsckReport& report) {
  if (!isSubmoduleName(*entry.subsection))
    report.add(id, FsckMessage::gitmodulesName, "disallowed submodule name: " + *entry.subsection);
  if (!entry.value) return;
  const std::string& value = *entry.value;
  if (entry.key == "url" && !isSubmoduleUrl(value))
    report.add(id, FsckMessage::gitmodulesUrl, "disallowed submodule url: " + value);
  // A carriage return at the end is lost when old clients write the path down.
  if (entry.key == "path" && (looksLikeOption(value) || value.find_first_of("\r\n") != std::string::npos))
    report.add(id, FsckMessage::gitmodulesPath, "disallowed submodule path: " + value);
  if (entry.key == "update" && value.starts_with('!'))
    report.add(id, FsckMessage::gitmodulesUpdate, "disallowed submodule update setting: " + value);
}

}  // namespace

void checkGitmodules(const ObjectId& id, std::string_view bytes, FsckReport& report) {
  ConfigReader reader(bytes);
  while (const auto entry = reader.next()) {
    if (entry->section == "submodule" && entry->subsection) checkSetting(id, *entry, report);
  }
  if (reader.malformed()) report.add(id, FsckMessage::gitmodulesParse, "could not parse gitmodules blob");
}

void checkGitattributes(const ObjectId& id, std::string_view bytes, FsckReport& report) {
  constexpr std::size_t kMaxLine = 2048;
  if (bytes.size() > kMaxGitattributes)
    return report.add(id, FsckMessage::gitattributesLarge, ".gitattributes too large to parse");
  // git reads as far as the first NUL.
  bytes = bytes.substr(0, bytes.find('\0'));
  while (!bytes.empty()) {
    const std::size_t end = std::min(bytes.find('\n'), bytes.size());
    if (end >= kMaxLine) {
      return report.add(id, FsckMessage::gitattributesLineLength,
                        ".gitattributes has too long lines to parse");
    }
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
  }
}

}  // namespace git::detail
