// The objects of the API as JSON, in the Platform API's form, and tables for people.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "controller/app_features.h"
#include "controller/public_urls.h"
#include "runner/engine.h"
#include "store/model.h"
#include "store/publication_store.h"

namespace controller {

base::JsonObject::Ptr renderApp(const store::App& app, const PublicUrls& urls);
base::JsonObject::Ptr renderRelease(const store::App& app, const store::Release& release,
                                    const std::optional<store::Slug>& slug, bool current);
base::JsonObject::Ptr renderBuild(const store::App& app, const store::Build& build);
base::JsonObject::Ptr renderSlug(const store::App& app, const store::Slug& slug);
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
