// Which app a host leads to.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>

#include "store/release_store.h"

namespace controller {

/// Its own host below the domain, a custom one, or one that a wildcard covers. What the database says of
/// custom ones counts for two seconds, so that who asks for hosts that lead nowhere costs little. One thread
/// at a time; the store outlives it.
class AppHosts {
 public:
  AppHosts(store::ReleaseStore& store, const std::string& domain) : store_(store), ownEnding_("." + domain) {}
  std::optional<store::AppName> operator()(const std::string& host);

 private:
  void refresh();

  store::ReleaseStore& store_;
  std::string ownEnding_;
  std::map<std::string, store::AppName> custom_;
  std::chrono::steady_clock::time_point until_{};
};

}  // namespace controller
