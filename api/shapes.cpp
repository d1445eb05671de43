#include "api/shapes.h"

namespace api {
namespace {

Shape number() {
  return {.kind = Shape::Kind::number, .members = {}};
}

Shape idAndName() {
  return object({required("id", text()), required("name", text())});
}

Shape userShape() {
  return object({required("id", text()), required("email", text())});
}

Shape always(Shape object) {
  for (Member& member : object.members)
    member.need = Need::required;
  return object;
}

}  // namespace

Shape accountShape() {
  return titled("Account", always(object({{"id", text()},
                                          {"email", text()},
                                          {"name", orNull(text())},
                                          {"verified", flag()},
                                          {"beta", flag()},
                                          {"allow_tracking", flag()},
                                          {"two_factor_authentication", flag()},
                                          {"default_team", orNull(idAndName())},
                                          {"created_at", orNull(text())},
                                          {"updated_at", orNull(text())},
                                          {"last_login", orNull(text())}})));
}

Shape appShape() {
  return titled("App", always(object({{"id", text()},
                                      {"name", text()},
                                      {"git_url", text()},
                                      {"web_url", text()},
                                      {"owner", userShape()},
                                      {"stack", idAndName()},
                                      {"build_stack", idAndName()},
                                      {"region", idAndName()},
                                      {"buildpack_provided_description", orNull(text())},
                                      {"maintenance", flag()},
                                      {"acm", flag()},
                                      {"create_status", text()},
                                      {"archived_at", orNull(text())},
                                      {"internal_routing", orNull(flag())},
                                      {"organization", orNull(idAndName())},
                                      {"repo_size", orNull(whole())},
                                      {"space", orNull(idAndName())},
                                      {"team", orNull(idAndName())},
                                      {"slug_size", orNull(whole())},
                                      {"released_at", orNull(text())},
                                      {"created_at", text()},
                                      {"updated_at", text()}})));
}

Shape buildShape() {
  Shape shape = always(object({{"id", text()},
                               {"number", whole()},
                               {"status", text()},
                               {"state", text()},
                               {"app", idAndName()},
                               {"source_blob", always(object({{"url", orNull(text())},
                                                              {"checksum", orNull(text())},
                                                              {"version", orNull(text())},
                                                              {"version_description", orNull(text())}}))},
                               {"user", userShape()},
                               {"buildpack", text()},
                               {"buildpacks", listOf(anything())},
                               {"phase_ms", mapOf(whole())},
                               {"release", orNull(object({required("id", text())}))},
                               {"slug", orNull(object({required("id", text())}))},
                               {"stack", text()},
                               {"output_stream_url", text()},
                               {"created_at", text()},
                               {"updated_at", text()},
                               {"finished_at", orNull(text())}}));
  for (const char* perhaps : {"failure", "stack_image_digest"})
    shape.members.push_back({perhaps, text()});
  shape.members.push_back({"own_ms", whole()});
  return titled("Build", shape);
}

Shape collaboratorShape() {
  return titled("Collaborator", always(object({{"id", text()},
                                               {"app", idAndName()},
                                               {"user", userShape()},
                                               {"role", text()},
                                               {"permissions", listOf(object({required("name", text())}))},
                                               {"permission", text()},
                                               {"created_at", text()},
                                               {"updated_at", text()}})));
}

Shape configShape() {
  return titled("ConfigVars", mapOf(text()));
}

Shape domainShape() {
  return titled("Domain", always(object({{"id", text()},
                                         {"app", idAndName()},
                                         {"hostname", text()},
                                         {"kind", text()},
                                         {"cname", orNull(text())},
                                         {"status", text()},
                                         {"acm_status", orNull(text())},
                                         {"acm_status_reason", orNull(text())},
                                         {"sni_endpoint", orNull(anything())},
                                         {"created_at", text()},
                                         {"updated_at", text()}})));
}

Shape drainShape() {
  return titled("LogDrain", always(object({{"id", text()},
                                           {"url", text()},
                                           {"token", text()},
                                           {"addon", orNull(anything())},
                                           {"sent", whole()},
                                           {"dropped", whole()},
                                           {"waiting", whole()},
                                           {"failure", text()},
                                           {"created_at", text()},
                                           {"updated_at", text()}})));
}

Shape dynoShape() {
  Shape shape = always(object({{"id", text()},
                               {"name", text()},
                               {"type", text()},
                               {"size", text()},
                               {"state", text()},
                               {"command", text()},
                               {"restarts", whole()},
                               {"node", text()},
                               {"ready", flag()},
                               {"usage", always(object({{"memory_bytes", whole()}, {"cpus", number()}}))},
                               {"limits", always(object({{"memory_bytes", whole()},
                                                         {"cpus", orNull(number())},
                                                         {"pids", whole()},
                                                         {"disk_bytes", orNull(whole())}}))},
                               {"release", object({required("version", whole())})},
                               {"app", idAndName()},
                               {"attach_url", orNull(text())},
                               {"created_at", text()},
                               {"updated_at", text()}}));
  shape.members.push_back({"last_exit", text()});
  shape.members.push_back({"address", text()});
  return titled("Dyno", shape);
}

Shape featureShape() {
  return titled("AppFeature", always(object({{"id", text()},
                                             {"name", text()},
                                             {"description", text()},
                                             {"state", text()},
                                             {"enabled", flag()}})));
}

Shape formationShape() {
  return titled("Formation", always(object({{"id", text()},
                                            {"app", idAndName()},
                                            {"type", text()},
                                            {"command", text()},
                                            {"quantity", whole()},
                                            {"size", text()},
                                            {"created_at", text()},
                                            {"updated_at", text()}})));
}

Shape installationShape() {
  return titled("BuildpackInstallation",
                object({required("ordinal", whole()),
                        required("buildpack", object({required("url", text()), required("name", text())}))}));
}

Shape keyShape() {
  return titled("Key", always(object({{"id", text()},
                                      {"fingerprint", text()},
                                      {"public_key", text()},
                                      {"comment", text()},
                                      {"email", text()},
                                      {"app", orNull(text())},
                                      {"created_at", text()},
                                      {"updated_at", text()},
                                      {"last_used_at", orNull(text())}})));
}

Shape logSessionShape() {
  return titled(
      "LogSession",
      always(
          object({{"id", text()}, {"logplex_url", text()}, {"created_at", text()}, {"updated_at", text()}})));
}

Shape regionShape() {
  return titled("Region", always(object({{"id", text()}, {"name", text()}})));
}

Shape releaseShape() {
  Shape shape = always(object({{"id", text()},
                               {"version", whole()},
                               {"description", text()},
                               {"status", text()},
                               {"current", flag()},
                               {"user", userShape()},
                               {"app", idAndName()},
                               {"slug", orNull(object({required("id", text())}))},
                               {"stack", text()},
                               {"addon_plan_names", listOf(text())},
                               {"artifacts", listOf(anything())},
                               {"eligible_for_rollback", flag()},
                               {"output_stream_url", orNull(text())},
                               {"created_at", text()},
                               {"updated_at", text()}}));
  for (const char* ofSlug : {"commit", "run_image_digest", "image_digest"})
    shape.members.push_back({ofSlug, text()});
  return titled("Release", shape);
}

Shape slugShape() {
  Shape shape = always(object({{"id", text()},
                               {"commit", orNull(text())},
                               {"commit_description", orNull(text())},
                               {"size", orNull(whole())},
                               {"process_types", mapOf(text())},
                               {"stack", idAndName()},
                               {"buildpack_provided_description", orNull(text())},
                               {"blob", object({required("method", text()), required("url", text())})},
                               {"created_at", text()},
                               {"updated_at", text()}}));
  shape.members.push_back({"checksum", text()});
  return titled("Slug", shape);
}

Shape sourceShape() {
  return titled(
      "Source",
      object({required("source_blob", object({required("get_url", text()), required("put_url", text())}))}));
}

Shape stackShape() {
  return titled("Stack", always(object({{"id", text()},
                                        {"name", text()},
                                        {"state", text()},
                                        {"stack_name", text()},
                                        {"build_image", text()},
                                        {"run_image", text()},
                                        {"created_at", text()},
                                        {"updated_at", text()}})));
}

Shape noneShape() {
  return listOf(anything());
}

}  // namespace api
