#include "controller/build_view.h"

#include "controller/render.h"

namespace controller {
namespace {

/// {"id": UUID}, or null.
void setId(base::JsonObject::Ptr json, const std::string& key, const std::string& uuid) {
  if (uuid.empty()) {
    json->set(key, Poco::Dynamic::Var());
    return;
  }
  auto object = base::makeJsonObject();
  object->set("id", uuid);
  json->set(key, object);
}

}  // namespace

std::string BuildView::outputPath(const store::App& app, const store::Build& build) {
  return "/apps/" + app.name.str() + "/builds/" + build.uuid + "/output";
}

base::JsonObject::Ptr BuildView::json(const store::App& app, const store::Build& build,
                                      const std::string& origin) const {
  auto json = renderBuild(app, build);
  const auto release = store_.findReleaseOfBuild(build.id);
  setId(json, "slug", build.slug != 0 ? store_.getSlug(build.slug).uuid : "");
  setId(json, "release", release ? release->uuid : "");
  json->set("stack", release ? release->stack : app.stack);
  json->set("output_stream_url",
            (origin.empty() ? urls_.http() : origin) + signer_.sign("GET", outputPath(app, build)));
  return json;
}

}  // namespace controller
