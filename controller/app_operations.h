// Making and removing apps: what commands and the API both do.
#pragma once

#include <optional>
#include <string>

#include "controller/command_set.h"
#include "git/object_id.h"

namespace controller {

/// No app has this id: the lease (AppLocks) of who makes or renames one.
inline constexpr store::AppId kAppNames = 0;

struct AppWish {
  std::optional<std::string> name;  ///< nullopt: one is invented
  std::optional<std::string> stack;
  git::ObjectFormat format = git::ObjectFormat::sha1;
};

/// Repository, row and release v1. Throws invalidArgument for a name that none may have, alreadyExists for
/// one that is taken, notFound for a stack that is not here.
store::App createApp(const CommandParts& parts, const std::string& user, const AppWish& wish);
/// Ends its builds and processes, then removes all that is its.
void destroyApp(const CommandParts& parts, const std::string& user, const store::App& app);
/// Of the builds to come; throws notFound for one that is not here.
void setStack(const CommandParts& parts, const store::App& app, const std::string& stack);
/// Of a name or an id; throws notFound.
store::App appNamed(store::ReleaseStore& store, const std::string& nameOrId);

base::JsonObject::Ptr appJson(const CommandParts& parts, const store::App& app);

}  // namespace controller
