// Domains and maintenance: what commands and the API both do.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "controller/command_set.h"
#include "store/domain_store.h"

namespace controller {

/// Serves the app at this host, too, from now on. Throws invalidArgument for what is no host or belongs to
/// the server, alreadyExists (for whoever has it), overloaded beyond domains_max.
store::Domain addDomain(const CommandParts& parts, const store::App& app, const std::string& host);
/// By host or id; throws notFound.
store::Domain removeDomain(const CommandParts& parts, const store::App& app, const std::string& hostOrId);
/// While it is on, the app's hosts answer 503 with a page that says so; its processes run on.
void setMaintenance(const CommandParts& parts, const store::App& app, store::DomainStore::Maintenance state);

/// Tells the engine what the database says. The caller holds the app's lease: the last one to write is the
/// last one to tell.
void tellRoutes(const CommandParts& parts, const store::App& app);
/// Of all apps that have some, as the database says: for the engine at its start.
std::map<store::AppName, runner::AppRoutes> storedRoutes(store::ReleaseStore& store);
/// In the form of the Platform API's domain. A name of DNS for it is to point to `cname`.
base::JsonObject::Ptr renderDomain(const CommandParts& parts, const store::App& app,
                                   const store::Domain& domain);
/// The host that every app has, then its own ones.
std::vector<base::JsonObject::Ptr> domainsJson(const CommandParts& parts, const store::App& app);

}  // namespace controller
