#include "registry/release_image.h"

#include <sys/utsname.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "store/layer_writer.h"

namespace registry {

namespace {

using store::Descriptor;
using store::Layer;

constexpr const char* kConfigType = "application/vnd.oci.image.config.v1+json";
constexpr const char* kManifestType = "application/vnd.oci.image.manifest.v1+json";
constexpr const char* kPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
constexpr const char* kUser = "1000:1000";

/// A layer's media type in OCI's words, whichever registry it came from.
std::string ociLayerType(const std::string& mediaType) {
  return mediaType == store::LayerWriter::kZstdLayer ||
                 mediaType == "application/vnd.docker.image.rootfs.diff.tar.zstd"
             ? store::LayerWriter::kZstdLayer
             : store::LayerWriter::kGzipLayer;
}

base::JsonObject::Ptr toJson(const Descriptor& descriptor) {
  auto json = base::makeJsonObject();
  json->set("mediaType", descriptor.mediaType);
  json->set("digest", descriptor.digest.str());
  json->set("size", descriptor.sizeBytes);
  return json;
}

base::JsonArray::Ptr toArray(const std::vector<std::string>& texts) {
  auto json = base::makeJsonArray();
  for (const auto& text : texts)
    json->add(text);
  return json;
}

base::JsonObject::Ptr toObject(const std::vector<std::pair<std::string, std::string>>& members) {
  auto json = base::makeJsonObject();
  for (const auto& [key, value] : members)
    json->set(key, value);
  return json;
}

/// One layer of an image, with the words of its history entry.
struct ImageLayer {
  Layer layer;
  std::string createdBy;
};

struct Image {
  std::vector<ImageLayer> layers;   // bottom first
  base::JsonObject::Ptr runConfig;  // the "config" member
  std::vector<std::pair<std::string, std::string>> annotations;
  store::Time createdAt;
};

std::string configJson(const Image& image) {
  const std::string created = base::toRfc3339(image.createdAt);
  auto diffIds = base::makeJsonArray();
  auto history = base::makeJsonArray();
  for (const auto& [layer, createdBy] : image.layers) {
    diffIds->add(layer.diffId.str());
    history->add(toObject({{"created", created}, {"created_by", createdBy}}));
  }
  auto rootfs = base::makeJsonObject();
  rootfs->set("type", "layers");
  rootfs->set("diff_ids", diffIds);
  auto json = base::makeJsonObject();
  json->set("created", created);
  json->set("architecture", architecture());
  json->set("os", "linux");
  json->set("config", image.runConfig);
  json->set("rootfs", rootfs);
  json->set("history", history);
  return base::toJson(json);
}

/// Stores the config; the manifest is the caller's to commit.
store::Manifest assemble(store::BlobStore& blobs, const Image& image) {
  const auto config = store::putBlob(blobs, configJson(image));
  store::Manifest manifest{.digest = config.digest, .mediaType = kManifestType, .bytes = {}, .blobs = {}};
  manifest.blobs.push_back({kConfigType, config.digest, config.sizeBytes});
  auto layers = base::makeJsonArray();
  for (const auto& [layer, createdBy] : image.layers) {
    manifest.blobs.push_back({ociLayerType(layer.blob.mediaType), layer.blob.digest, layer.blob.sizeBytes});
    layers->add(toJson(manifest.blobs.back()));
  }
  auto json = base::makeJsonObject();
  json->set("schemaVersion", 2);
  json->set("mediaType", kManifestType);
  json->set("config", toJson(manifest.blobs.front()));
  json->set("layers", layers);
  if (!image.annotations.empty()) json->set("annotations", toObject(image.annotations));
  manifest.bytes = base::toJson(json);
  manifest.digest = store::Digest::of(manifest.bytes);
  return manifest;
}

/// PATH and HOME unless the app sets its own, then the app's variables by name.
std::vector<std::string> environmentList(const store::ConfigVars& environment) {
  std::vector<std::string> list;
  if (!environment.contains("PATH")) list.push_back(std::string("PATH=") + kPath);
  if (!environment.contains("HOME")) list.push_back("HOME=/app");
  for (const auto& [name, value] : environment)
    list.push_back(name + "=" + value);
  return list;
}

std::string defaultType(const store::ProcessTypes& types) {
  return types.size() == 1 ? types.begin()->first : "web";
}

void addProvenance(std::vector<std::pair<std::string, std::string>>& annotations, const store::Build& build) {
  annotations.emplace_back("fairlead.build", std::to_string(build.number));
  annotations.emplace_back("fairlead.pusher", build.user);
  if (build.stackImage) annotations.emplace_back("fairlead.stack.build", build.stackImage->str());
  auto buildpacks = base::makeJsonArray();
  for (const auto& each : build.buildpacks) {
    buildpacks->add(toObject({{"name", each.name},
                              {"description", each.description},
                              {"url", each.url},
                              {"version", each.version},
                              {"report", each.report}}));
  }
  annotations.emplace_back("fairlead.buildpacks", base::toJson(buildpacks));
  auto phases = base::makeJsonObject();
  for (const auto& [phase, ms] : build.phaseMs)
    phases->set(phase, ms);
  annotations.emplace_back("fairlead.build.phases", base::toJson(phases));
}

std::vector<std::pair<std::string, std::string>> releaseAnnotations(const ReleaseImageInput& input) {
  std::vector<std::pair<std::string, std::string>> annotations = {
      {"org.opencontainers.image.created", base::toRfc3339(input.createdAt)}};
  if (!input.commit.empty()) annotations.emplace_back("org.opencontainers.image.revision", input.commit);
  annotations.emplace_back("org.opencontainers.image.title", input.appName);
  annotations.emplace_back("org.opencontainers.image.version", input.version.str());
  annotations.emplace_back("org.opencontainers.image.base.digest", input.runImage.manifest.str());
  annotations.emplace_back("org.opencontainers.image.base.name", "stacks/" + input.stackName + ":run");
  if (input.build) addProvenance(annotations, *input.build);
  return annotations;
}

}  // namespace

std::string architecture() {
  utsname machine{};
  if (::uname(&machine) != 0) base::throwErrno(errno, "asking for the machine's architecture");
  static const std::pair<std::string_view, const char*> known[] = {
      {"x86_64", "amd64"}, {"aarch64", "arm64"}, {"armv7l", "arm"}, {"i686", "386"}};
  for (const auto& [kernel, oci] : known) {
    if (kernel == machine.machine) return oci;
  }
  return machine.machine;
}

store::Manifest assembleReleaseImage(store::BlobStore& blobs, const ReleaseImageInput& input) {
  Image image{.layers = {},
              .runConfig = base::makeJsonObject(),
              .annotations = releaseAnnotations(input),
              .createdAt = input.createdAt};
  for (const Layer& layer : input.runImage.layers)
    image.layers.push_back({layer, "stack " + input.stackName});
  for (const Layer& layer : input.slug.layers)
    image.layers.push_back({layer, "slug " + input.slug.uuid});
  image.layers.push_back({input.startLayer, "process types of " + input.appName});

  image.runConfig->set("User", kUser);
  image.runConfig->set("Env", toArray(environmentList(input.environment)));
  image.runConfig->set("Entrypoint", toArray(std::vector<std::string>{"/fairlead/start"}));
  image.runConfig->set("Cmd", toArray(std::vector<std::string>{defaultType(input.slug.processTypes)}));
  image.runConfig->set("WorkingDir", "/app");
  image.runConfig->set("Labels", toObject(image.annotations));
  return assemble(blobs, image);
}

store::Manifest assembleStackImage(store::BlobStore& blobs, const std::vector<Layer>& layers,
                                   store::Time createdAt) {
  Image image{.layers = {}, .runConfig = base::makeJsonObject(), .annotations = {}, .createdAt = createdAt};
  for (const Layer& layer : layers)
    image.layers.push_back({layer, "stack"});
  image.runConfig->set("Env", toArray(std::vector<std::string>{std::string("PATH=") + kPath}));
  image.runConfig->set("Cmd", toArray(std::vector<std::string>{"/bin/bash"}));
  return assemble(blobs, image);
}

}  // namespace registry
