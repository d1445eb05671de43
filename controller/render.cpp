#include "controller/render.h"

#include <algorithm>

#include "base/clock.h"
#include "controller/build_phases.h"

namespace controller {
namespace {

using base::JsonObject;
using base::makeJsonArray;
using base::makeJsonObject;

JsonObject::Ptr named(const std::string& key, const std::string& value) {
  auto object = makeJsonObject();
  object->set(key, value);
  return object;
}

void setTime(JsonObject::Ptr object, const std::string& key, const std::optional<store::Time>& time) {
  if (time)
    object->set(key, base::toRfc3339(*time));
  else
    object->set(key, Poco::Dynamic::Var());
}

JsonObject::Ptr stackName(const std::string& name) {
  auto json = named("id", derivedUuid("stack", name));
  json->set("name", name);
  return json;
}

void setText(JsonObject::Ptr object, const std::string& key, const std::string& text) {
  object->set(key, text.empty() ? Poco::Dynamic::Var() : Poco::Dynamic::Var(text));
}

/// What was built; of a push there is no URL.
JsonObject::Ptr sourceBlob(const store::Build& build) {
  const store::TarballSource tarball = build.tarball.value_or(store::TarballSource{});
  auto json = makeJsonObject();
  setText(json, "url", tarball.url);
  setText(json, "checksum", tarball.checksum ? "SHA256:" + tarball.checksum->hex() : "");
  json->set("version", build.commit);  // never null: the heroku-builds program splits it
  setText(json, "version_description", tarball.description);
  return json;
}

/// The Platform API's words for a build's state.
std::string buildStatus(store::BuildState state) {
  switch (state) {
    case store::BuildState::queued:
    case store::BuildState::building:
      return "pending";
    case store::BuildState::succeeded:
      return "succeeded";
    case store::BuildState::failed:
    case store::BuildState::cancelled:
      return "failed";
  }
  return "failed";
}

struct Party {
  std::string id;
  std::string user;
  std::string role;
};
/// Each permission holds those before it, and clients are told all of them.
JsonObject::Ptr access(const store::App& app, const Party& party, store::Permission strongest) {
  auto json = named("id", party.id);
  json->set("app", renderAppName(app));
  json->set("user", renderUser(party.user));
  json->set("role", party.role);
  auto permissions = makeJsonArray();
  for (const auto each : {store::Permission::view, store::Permission::deploy, store::Permission::operate,
                          store::Permission::manage})
    if (each <= strongest) permissions->add(named("name", std::string(store::name(each))));
  json->set("permissions", permissions);
  return json;
}

}  // namespace

std::string derivedUuid(const std::string& kind, const std::string& name) {
  std::string hex = base::Digest::of(kind + " " + name).hex().substr(0, 32);
  hex[12] = '8';  // RFC 9562, version 8: by a rule of one's own
  hex[16] = '8';
  for (const std::size_t at : {20, 16, 12, 8})
    hex.insert(at, 1, '-');
  return hex;
}

JsonObject::Ptr renderUser(const std::string& user) {
  auto json = named("id", derivedUuid("user", user));
  json->set("email", user);
  return json;
}

JsonObject::Ptr renderAppName(const store::App& app) {
  auto json = named("id", app.uuid);
  json->set("name", app.name.str());
  return json;
}

JsonObject::Ptr renderCollaborator(const store::App& app, const store::Collaborator& collaborator) {
  const auto permission = std::string(store::name(collaborator.permission));
  auto json = access(app, {.id = collaborator.uuid, .user = collaborator.user, .role = "collaborator"},
                     collaborator.permission);
  json->set("permission", permission);
  setTime(json, "created_at", collaborator.createdAt);
  setTime(json, "updated_at", collaborator.createdAt);
  return json;
}

JsonObject::Ptr renderOwner(const store::App& app) {
  auto json =
      access(app, {.id = derivedUuid("owner " + app.uuid, app.owner), .user = app.owner, .role = "owner"},
             store::Permission::manage);
  json->set("permission", "owner");
  setTime(json, "created_at", app.createdAt);
  setTime(json, "updated_at", app.createdAt);
  return json;
}

JsonObject::Ptr renderRegion() {
  auto json = named("id", derivedUuid("region", "us"));
  json->set("name", "us");  // clients of Heroku's call this the default, and say nothing of it
  return json;
}

JsonObject::Ptr renderApp(const store::App& app, const store::ReleaseHead& current, const PublicUrls& urls) {
  auto json = makeJsonObject();
  json->set("id", app.uuid);
  json->set("name", app.name.str());
  json->set("git_url", urls.git(app.name));
  json->set("web_url", urls.web(app.name));
  json->set("owner", renderUser(app.owner));
  json->set("stack", stackName(current.slugUuid.empty() ? app.stack : current.release.stack));
  json->set("build_stack", stackName(app.stack));
  json->set("region", renderRegion());
  setText(json, "buildpack_provided_description", current.buildpack);
  json->set("acm", false);
  json->set("create_status", "complete");
  for (const char* absent : {"archived_at", "internal_routing", "organization", "repo_size", "space", "team"})
    json->set(absent, Poco::Dynamic::Var());
  json->set("slug_size",
            current.slugUuid.empty() ? Poco::Dynamic::Var() : Poco::Dynamic::Var(current.slugBytes));
  setTime(json, "released_at", current.release.createdAt);
  setTime(json, "created_at", app.createdAt);
  setTime(json, "updated_at", current.release.createdAt);
  return json;
}

JsonObject::Ptr renderRelease(const store::App& app, const store::ReleaseHead& head, Serving serving) {
  const store::Release& release = head.release;
  auto json = makeJsonObject();
  json->set("id", release.uuid);
  json->set("version", release.version.number);
  json->set("description", release.description);
  json->set("status", std::string(store::name(release.state)));
  json->set("current", serving == Serving::yes);
  json->set("user", renderUser(release.user));
  json->set("app", renderAppName(app));
  if (head.slugUuid.empty()) {
    json->set("slug", Poco::Dynamic::Var());
  } else {
    json->set("slug", named("id", head.slugUuid));
    json->set("commit", head.commit);
  }
  json->set("stack", release.stack);
  if (release.runImage) json->set("run_image_digest", release.runImage->str());
  if (release.manifest) json->set("image_digest", release.manifest->str());
  json->set("addon_plan_names", makeJsonArray());
  json->set("artifacts", makeJsonArray());
  json->set("eligible_for_rollback",
            !head.slugUuid.empty() && !head.collected && release.state != store::ReleaseState::failed);
  json->set("output_stream_url", Poco::Dynamic::Var());
  setTime(json, "created_at", release.createdAt);
  setTime(json, "updated_at", release.createdAt);
  return json;
}

base::JsonArray::Ptr renderBuildpacks(const std::vector<std::string>& sources) {
  auto json = makeJsonArray();
  int ordinal = 0;
  for (const std::string& source : sources) {
    auto buildpack = named("url", source);
    buildpack->set("name", source);
    auto entry = makeJsonObject();
    entry->set("ordinal", ordinal++);
    entry->set("buildpack", buildpack);
    json->add(entry);
  }
  return json;
}

JsonObject::Ptr renderFormation(const store::App& app, const FormationEntry& entry) {
  auto json = named("id", derivedUuid("formation " + app.uuid, entry.type));
  json->set("app", renderAppName(app));
  json->set("type", entry.type);
  json->set("command", entry.command);
  json->set("quantity", entry.quantity);
  json->set("size", kProcessSize);
  setTime(json, "created_at", app.createdAt);
  setTime(json, "updated_at", app.createdAt);
  return json;
}

JsonObject::Ptr renderBuild(const store::App& app, const store::Build& build) {
  auto json = makeJsonObject();
  json->set("id", build.uuid);
  json->set("number", build.number);
  json->set("status", buildStatus(build.state));
  json->set("state", std::string(store::name(build.state)));
  json->set("app", renderAppName(app));
  json->set("source_blob", sourceBlob(build));
  json->set("user", renderUser(build.user));
  json->set("buildpack", build.buildpack);
  if (!build.failure.empty()) json->set("failure", build.failure);
  auto phases = makeJsonObject();
  for (const auto& [phase, ms] : build.phaseMs)
    phases->set(phase, ms);
  json->set("phase_ms", phases);
  if (!build.phaseMs.empty()) json->set("own_ms", ownMs(build));
  auto buildpacks = base::makeJsonArray();
  for (const auto& each : build.buildpacks) {
    auto used = makeJsonObject();
    used->set("name", each.name);
    used->set("description", each.description);
    used->set("url", each.url);
    used->set("version", each.version);
    used->set("report", each.report);
    buildpacks->add(used);
  }
  json->set("buildpacks", buildpacks);
  if (build.stackImage) json->set("stack_image_digest", build.stackImage->str());
  setTime(json, "created_at", build.createdAt);
  setTime(json, "updated_at", build.finishedAt.value_or(build.createdAt));
  setTime(json, "finished_at", build.finishedAt);
  return json;
}

JsonObject::Ptr renderSlug(const store::App& app, const store::Slug& slug) {
  auto json = makeJsonObject();
  json->set("id", slug.uuid);
  setText(json, "commit", slug.commit);
  setText(json, "commit_description", slug.commitDescription);
  json->set("size", slug.sizeBytes);
  if (slug.checksum) json->set("checksum", "SHA256:" + slug.checksum->hex());
  auto types = makeJsonObject();
  for (const auto& [type, command] : slug.processTypes)
    types->set(type, command);
  json->set("process_types", types);
  json->set("stack", stackName(slug.stack));
  setText(json, "buildpack_provided_description", slug.buildpack);
  auto blob = makeJsonObject();
  blob->set("method", "get");
  blob->set("url", "/apps/" + app.name.str() + "/slugs/" + slug.uuid + "/blob");
  json->set("blob", blob);
  setTime(json, "created_at", slug.createdAt);
  setTime(json, "updated_at", slug.createdAt);
  return json;
}

JsonObject::Ptr renderSlug(const store::App& app, const store::PendingSlug& slug) {
  auto json = renderSlug(app, store::Slug{.uuid = slug.uuid,
                                          .app = slug.app,
                                          .commit = slug.commit,
                                          .stack = slug.stack,
                                          .buildpack = slug.buildpack,
                                          .processTypes = slug.processTypes,
                                          .checksum = slug.checksum,
                                          .createdAt = slug.createdAt,
                                          .commitDescription = slug.commitDescription});
  json->set("size", Poco::Dynamic::Var());
  return json;
}

void setSize(JsonObject::Ptr json, const runner::ProcessSize& size) {
  const Poco::Dynamic::Var none;
  json->set("memory_bytes", size.memoryBytes);
  json->set("cpus", size.cpus > 0 ? Poco::Dynamic::Var(size.cpus) : none);
  json->set("pids", size.pids);
  json->set("disk_bytes", size.diskBytes > 0 ? Poco::Dynamic::Var(size.diskBytes) : none);
}

JsonObject::Ptr renderProcess(const store::App& app, const runner::ProcessStatus& process) {
  auto json = makeJsonObject();
  json->set("id", derivedUuid("process " + app.uuid, process.name + " " + base::toRfc3339(process.since)));
  json->set("name", process.name);
  json->set("type", process.type);
  json->set("size", kProcessSize);
  json->set("state", std::string(runner::name(process.state)));
  json->set("command", process.command);
  json->set("restarts", process.restarts);
  if (!process.lastExit.empty()) json->set("last_exit", process.lastExit);
  json->set("node", process.node);
  if (!process.address.empty()) json->set("address", process.address);
  json->set("ready", process.notReady.empty());
  auto usage = makeJsonObject();
  usage->set("memory_bytes", process.memoryBytes);
  usage->set("cpus", process.cpus);
  json->set("usage", usage);
  auto limits = makeJsonObject();
  setSize(limits, process.size);
  json->set("limits", limits);
  auto release = makeJsonObject();
  release->set("version", process.release.number);
  json->set("release", release);
  json->set("app", renderAppName(app));
  json->set("attach_url", Poco::Dynamic::Var());
  setTime(json, "created_at", process.since);
  setTime(json, "updated_at", process.since);
  return json;
}

JsonObject::Ptr renderKey(const store::Key& key) {
  auto json = makeJsonObject();
  json->set("fingerprint", key.fingerprint);
  json->set("public_key", key.comment.empty() ? key.publicKey : key.publicKey + " " + key.comment);
  json->set("comment", key.comment);
  json->set("id", key.uuid);
  json->set("email", key.user);
  json->set("app", key.app ? Poco::Dynamic::Var(key.app->str()) : Poco::Dynamic::Var());
  setTime(json, "created_at", key.createdAt);
  setTime(json, "updated_at", key.createdAt);
  json->set("last_used_at",
            key.lastUsedAt ? Poco::Dynamic::Var(base::toRfc3339(*key.lastUsedAt)) : Poco::Dynamic::Var());
  return json;
}

JsonObject::Ptr renderConfig(const store::ConfigVars& config) {
  auto json = makeJsonObject();
  for (const auto& [key, value] : config)
    json->set(key, value);
  return json;
}

JsonObject::Ptr renderFeature(const AppFeature& feature, FeatureState state) {
  auto json = makeJsonObject();
  json->set("id", derivedUuid("feature", std::string(feature.name)));
  json->set("name", std::string(feature.name));
  json->set("description", std::string(feature.description));
  json->set("state", "general");
  json->set("enabled", state == FeatureState::enabled);
  return json;
}

JsonObject::Ptr renderStack(const store::Stack& stack) {
  auto json = makeJsonObject();
  json->set("id", derivedUuid("stack", stack.name));
  json->set("name", stack.name);
  json->set("state", "public");
  json->set("stack_name", stack.variable());
  json->set("build_image", "stacks/" + stack.name + "@" + stack.build.manifest.str());
  json->set("run_image", "stacks/" + stack.name + "@" + stack.run.manifest.str());
  setTime(json, "created_at", stack.createdAt);
  setTime(json, "updated_at", stack.createdAt);
  return json;
}

JsonObject::Ptr renderPublication(const store::Publication& job) {
  auto json = makeJsonObject();
  auto release = makeJsonObject();
  release->set("version", job.version.number);
  json->set("release", release);
  json->set("target", job.target);
  json->set("status", std::string(store::name(job.state)));
  json->set("attempts", job.attempts);
  setText(json, "message", job.message);
  setTime(json, "next_at",
          job.state == store::PublicationState::pending ? std::optional(job.nextAt) : std::nullopt);
  setTime(json, "finished_at", job.finishedAt);
  return json;
}

std::string table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    if (row.size() == 1) continue;
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      text += row[i];
      if (i + 1 < row.size()) text.append(widths[i] - row[i].size() + 2, ' ');
    }
    text += '\n';
  }
  return text;
}

}  // namespace controller
