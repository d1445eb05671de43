#include "runner/detail/route_files.h"

#include <fcntl.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/atomic_file.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/strings.h"
#include "runner/detail/router_pages.h"

namespace runner::detail {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kDigits = "0123456789abcdef";
constexpr std::string_view kHostCharacters = "abcdefghijklmnopqrstuvwxyz0123456789.-";
constexpr std::string_view kBackendCharacters = "abcdefghijklmnopqrstuvwxyz0123456789.-:[]";

void checkName(const std::string& name, std::string_view allowed, std::size_t maxBytes, const char* what) {
  const bool good = !name.empty() && name.size() <= maxBytes && name.front() != '.' &&
                    name.find_first_not_of(allowed) == std::string::npos;
  if (!good) {
    throw base::Error(base::Errc::invalidArgument,
                      std::string(what) + " \"" + base::printable(name) + "\" cannot be routed");
  }
}

/// Where a host's set lies: a wildcard has a name that no other host has.
std::string fileOf(const std::string& host) {
  const bool wildcard = host.starts_with("*.");
  checkName(wildcard ? host.substr(2) : host, kHostCharacters, 253, "host");
  return wildcard ? "_wildcard" + host.substr(1) : host;
}

/// For Caddy, which may run as another user, whatever this process's umask is.
void makeReadable(const fs::path& folder) {
  fs::create_directories(folder);
  using enum fs::perms;
  fs::permissions(folder, owner_all | group_read | group_exec | others_read | others_exec);
}

const char* pageOf(Route::State state) {
  switch (state) {
    case Route::State::serving:
      return nonePage().state;
    case Route::State::starting:
      return startingPage().state;
    case Route::State::crashed:
      return crashedPage().state;
    case Route::State::maintenance:
      return maintenancePage().state;
  }
  return nonePage().state;
}

}  // namespace

std::vector<std::string> patternsOf(const std::string& slot) {
  return {slot + "/*", slot + "/*", slot + "/*", slot + "-*"};
}

std::vector<std::string> slotNames(const Route& route) {
  const std::size_t count = route.backends.size();
  const std::string app =
      route.hosts.empty() ? "" : route.hosts.front().substr(0, route.hosts.front().find('.'));
  std::vector<std::string> names;
  for (std::size_t slot = 0; slot < RouteFiles::kSlots; ++slot) {
    std::string name;
    if (count == 0 || route.state == Route::State::maintenance) {
      name = std::string(pageOf(route.state)) + "-" + app;
    } else {
      const std::size_t first = slot * count / RouteFiles::kSlots;
      for (std::size_t i = 0; i < RouteFiles::kPerSlot; ++i) {
        name += (i == 0 ? "" : ",") + route.backends[(first + i) % count];
      }
    }
    names.push_back(std::move(name));
  }
  return names;
}

RouteFiles::RouteFiles(fs::path folder) : folder_(std::move(folder)) {
  makeReadable(folder_ / "live");
  makeReadable(folder_ / "sets");
}

void RouteFiles::apply(const std::vector<Route>& routes) {
  std::map<std::string, std::vector<std::string>> wanted;
  for (const Route& route : routes) {
    for (const std::string& backend : route.backends)
      checkName(backend, kBackendCharacters, 64, "backend");
    for (const std::string& host : route.hosts) {
      wanted[fileOf(host)] = slotNames(route);
    }
  }
  for (const auto& [host, names] : wanted) {
    const auto found = written_.find(host);
    if (found == written_.end() || found->second != names) publish(host, names);
  }
  for (auto it = written_.begin(); it != written_.end();) {
    if (wanted.contains(it->first)) {
      ++it;
      continue;
    }
    const fs::path link = folder_ / "live" / it->first;
    const fs::path old = folder_ / "sets" / fs::read_symlink(link).filename();
    fs::remove(link);
    base::removeTree(old);
    it = written_.erase(it);
  }
  if (!std::exchange(swept_, true)) sweep();
}

void RouteFiles::publish(const std::string& host, const std::vector<std::string>& names) {
  const std::string id = base::randomHex(8);
  const fs::path set = folder_ / "sets" / id;
  makeReadable(set);
  std::map<std::string, std::string> folders;  // by the name in it
  for (std::size_t slot = 0; slot < names.size(); ++slot) {
    const std::string digit(1, kDigits[slot]);
    const auto [same, isNew] = folders.emplace(names[slot], digit);
    if (isNew) {
      makeReadable(set / digit);
      base::openFile(set / digit / names[slot], O_WRONLY | O_CREAT | O_EXCL, 0644);
    } else {
      fs::create_symlink(same->second, set / digit);
    }
  }
  const fs::path link = folder_ / "live" / host;
  const fs::path aside = folder_ / "live" / (".new-" + id);  // no host begins with a dot
  std::error_code none;
  const fs::path old = fs::read_symlink(link, none);
  fs::create_symlink(fs::path("..") / "sets" / id, aside);
  fs::rename(aside, link);
  written_[host] = names;
  // A request that is reading the old folder right now finds nothing there and looks again: the matcher names
  // each pattern three times.
  if (!old.empty()) base::removeTree(folder_ / "sets" / old.filename());
}

void RouteFiles::sweep() {
  std::set<fs::path> used;
  for (const auto& item : fs::directory_iterator(folder_ / "live")) {
    std::error_code notLink;
    if (written_.contains(item.path().filename().string())) {
      used.insert(fs::read_symlink(item.path(), notLink).filename());
    } else {
      fs::remove(item.path());
    }
  }
  for (const auto& item : fs::directory_iterator(folder_ / "sets")) {
    if (!used.contains(item.path().filename())) base::removeTree(item.path());
  }
}

}  // namespace runner::detail
