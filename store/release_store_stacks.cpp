// Stacks: a build and a run image each.
#include "store/detail/release_store_state.h"

namespace store {
namespace {

using detail::Connection;
using detail::Rows;

void insertLayers(Connection& connection, const std::string& stack, std::string_view image,
                  const std::vector<Layer>& layers) {
  int position = 0;
  for (const Layer& layer : layers) {
    connection.execute(
        "INSERT INTO stack_layers (stack, image, position, media_type, digest, size_bytes, diff_id) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        stack, image, position++, layer.blob.mediaType, layer.blob.digest,
        static_cast<std::int64_t>(layer.blob.sizeBytes), layer.diffId);
  }
}

std::vector<Layer> selectLayers(Connection& connection, const std::string& stack, std::string_view image) {
  std::vector<Layer> layers;
  Rows rows = connection.query(
      "SELECT media_type, digest, size_bytes, diff_id FROM stack_layers "
      "WHERE stack = ?1 AND image = ?2 ORDER BY position",
      stack, image);
  while (rows.next())
    layers.push_back(detail::layerAt(rows, 0));
  return layers;
}

std::vector<Stack> collect(Connection& connection, Rows rows) {
  std::vector<Stack> stacks;
  while (rows.next()) {
    stacks.push_back(Stack{.name = rows.text(0),
                           .build = {.layers = {}, .manifest = rows.digest(1)},
                           .run = {.layers = {}, .manifest = rows.digest(2)},
                           .createdAt = detail::timeAt(rows, 3),
                           .alias = rows.text(4)});
  }
  for (Stack& stack : stacks) {
    stack.build.layers = selectLayers(connection, stack.name, "build");
    stack.run.layers = selectLayers(connection, stack.name, "run");
  }
  return stacks;
}

}  // namespace

void ReleaseStore::putStack(const Stack& stack) {
  state_->write([&](Connection& connection) {
    connection.execute("DELETE FROM stacks WHERE name = ?1", stack.name);
    connection.execute(
        "INSERT INTO stacks (name, build_manifest, run_manifest, created_at, alias) "
        "VALUES (?1, ?2, ?3, ?4, ?5)",
        stack.name, stack.build.manifest, stack.run.manifest, stack.createdAt, stack.alias);
    insertLayers(connection, stack.name, "build", stack.build.layers);
    insertLayers(connection, stack.name, "run", stack.run.layers);
    connection.execute(
        "INSERT OR IGNORE INTO run_image_layers (image, position, media_type, digest, size_bytes, diff_id) "
        "SELECT ?2, position, media_type, digest, size_bytes, diff_id FROM stack_layers "
        "WHERE stack = ?1 AND image = 'run'",
        stack.name, stack.run.manifest);
  });
}

std::optional<Stack> ReleaseStore::findStack(const std::string& name) {
  return state_->read([&](Connection& connection) -> std::optional<Stack> {
    auto found = collect(
        connection,
        connection.query(
            "SELECT name, build_manifest, run_manifest, created_at, alias FROM stacks WHERE name = ?1",
            name));
    if (found.empty()) return std::nullopt;
    return std::move(found.front());
  });
}

std::vector<Stack> ReleaseStore::stacks() {
  return state_->read([](Connection& connection) {
    return collect(
        connection,
        connection.query(
            "SELECT name, build_manifest, run_manifest, created_at, alias FROM stacks ORDER BY name"));
  });
}

std::optional<StackImage> ReleaseStore::findRunImage(const Digest& manifest) {
  return state_->read([&](Connection& connection) -> std::optional<StackImage> {
    StackImage image{.layers = {}, .manifest = manifest};
    Rows rows = connection.query(
        "SELECT media_type, digest, size_bytes, diff_id FROM run_image_layers WHERE image = ?1 "
        "ORDER BY position",
        manifest);
    while (rows.next())
      image.layers.push_back(detail::layerAt(rows, 0));
    if (image.layers.empty()) return std::nullopt;
    return image;
  });
}

}  // namespace store
