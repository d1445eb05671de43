// The objects of the API as JSON, in the Platform API's form, and tables for people.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "controller/app_features.h"
#include "controller/public_urls.h"
#include "runner/engine.h"
#include "store/account_store.h"
#include "store/model.h"
#include "store/pending_slug_store.h"
#include "store/publication_store.h"
#include "store/release_store.h"

namespace controller {

/// `current`: the newest release that has not failed.
base::JsonObject::Ptr renderApp(const store::App& app, const store::ReleaseHead& current,
                                const PublicUrls& urls);
enum class Serving { yes, no };
base::JsonObject::Ptr renderRelease(const store::App& app, const store::ReleaseHead& head, Serving serving);
/// {"id", "email"} of a user.
base::JsonObject::Ptr renderUser(const std::string& user);
/// One who may do something with an app; the owner in the same form, though it is no row.
base::JsonObject::Ptr renderCollaborator(const store::App& app, const store::Collaborator& collaborator);
base::JsonObject::Ptr renderOwner(const store::App& app);
/// {"id", "name"} of an app.
base::JsonObject::Ptr renderAppName(const store::App& app);
/// The one size that processes have: limits are settings of the server.
inline constexpr const char* kProcessSize = "Standard";
/// One process type of the app's current slug.
struct FormationEntry {
  std::string type;
  std::string command;
  int quantity = 0;
};
base::JsonArray::Ptr renderBuildpacks(const std::vector<std::string>& sources);
base::JsonObject::Ptr renderFormation(const store::App& app, const FormationEntry& entry);
/// The one place that this server's apps run in.
base::JsonObject::Ptr renderRegion();
/// An id that is always the same for a thing without a row: "region", "here".
std::string derivedUuid(const std::string& kind, const std::string& name);
base::JsonObject::Ptr renderBuild(const store::App& app, const store::Build& build);
base::JsonObject::Ptr renderSlug(const store::App& app, const store::Slug& slug);
/// "size" is null until its content is there.
base::JsonObject::Ptr renderSlug(const store::App& app, const store::PendingSlug& slug);
/// memory_bytes, cpus, pids and disk_bytes, which are null where nothing limits them.
void setSize(base::JsonObject::Ptr json, const runner::ProcessSize& size);
base::JsonObject::Ptr renderProcess(const store::App& app, const runner::ProcessStatus& process);
base::JsonObject::Ptr renderKey(const store::Key& key);
base::JsonObject::Ptr renderConfig(const store::ConfigVars& config);
enum class FeatureState { disabled, enabled };
base::JsonObject::Ptr renderFeature(const AppFeature& feature, FeatureState state);
base::JsonObject::Ptr renderStack(const store::Stack& stack);

base::JsonObject::Ptr renderPublication(const store::Publication& job);

/// Left-aligned columns, two spaces between them; a row of one cell is a title and widens nothing. "" for no
/// rows.
std::string table(const std::vector<std::vector<std::string>>& rows);

}  // namespace controller
