// What an app's builds may reach, as a word of an app's settings.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "builder/builder.h"

namespace controller {

/// The key in the app's settings.
inline constexpr const char* kNetworkSetting = "network";

/// The words of network:set: "full", "none", or "allow" and hosts (NAME, *.NAME or an IPv4 address, each with
/// :PORT or without, commas or spaces between them). Throws invalidArgument with what is wrong.
builder::BuildNetwork parseNetwork(const std::vector<std::string>& words);
/// "full", "none", "allow a,b:80": parseNetwork() reads it back, split at its space.
std::string showNetwork(const builder::BuildNetwork& network);
/// "mirror.example.org:80"
std::string showHost(const sandbox::AllowedHost& host);
/// What rules for an app with these settings.
builder::BuildNetwork networkOf(const std::map<std::string, std::string>& settings);

}  // namespace controller
