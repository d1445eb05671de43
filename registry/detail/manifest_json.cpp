#include "registry/detail/manifest_json.h"

#include <Poco/Base64Decoder.h>
#include <Poco/StreamCopier.h>

#include <algorithm>
#include <array>
#include <optional>
#include <sstream>

#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"

namespace registry::detail {
namespace {

using base::Errc;
using base::Error;
using base::JsonObject;
using store::Descriptor;
using store::Digest;

constexpr const char* kOciManifest = "application/vnd.oci.image.manifest.v1+json";
constexpr const char* kOciIndex = "application/vnd.oci.image.index.v1+json";
constexpr const char* kDockerManifest = "application/vnd.docker.distribution.manifest.v2+json";
constexpr const char* kDockerList = "application/vnd.docker.distribution.manifest.list.v2+json";
constexpr std::size_t kMaxDescriptors = 20'000;
constexpr std::uint64_t kMaxSize = 1ull << 62;

[[noreturn]] void invalid(const std::string& problem) {
  throw Error(Errc::invalidArgument, "The manifest " + problem);
}

/// A descriptor with what decides where its content is.
struct ReadDescriptor {
  Descriptor descriptor;
  bool elsewhere = false;
};

/// `data` is the content, in base64. (OCI image-spec, Descriptor: Embedded Content.)
void checkData(const JsonObject::Ptr& json, const Descriptor& descriptor, const std::string& where) {
  const std::string encoded = base::jsonString(json, "data");
  if (encoded.empty()) return;
  std::istringstream in(encoded);
  std::string content;
  try {
    Poco::Base64Decoder decoder(in);
    Poco::StreamCopier::copyToString(decoder, content);
  } catch (const Poco::Exception&) {
    invalid("has a data field at " + where + " that is no base64");
  }
  if (content.size() != descriptor.sizeBytes ||
      Digest::of(content, descriptor.digest.algorithm()) != descriptor.digest) {
    invalid("has a data field at " + where + " that is not the content of its digest");
  }
}

bool isNonDistributable(const std::string& mediaType) {
  return mediaType.starts_with("application/vnd.oci.image.layer.nondistributable.") ||
         mediaType.starts_with("application/vnd.docker.image.rootfs.foreign.");
}

/// By its text: Poco throws for numbers that its own types do not hold.
std::optional<std::uint64_t> wholeNumber(const Poco::Dynamic::Var& value) {
  std::uint64_t number = 0;
  if (value.isEmpty() || !value.isInteger() || value.isBoolean()) return std::nullopt;
  if (!base::parseNumber(value.convert<std::string>(), number) || number > kMaxSize) return std::nullopt;
  return number;
}

ReadDescriptor readDescriptor(const Poco::Dynamic::Var& value, const std::string& where) {
  if (value.type() != typeid(JsonObject::Ptr)) invalid("has no descriptor at " + where);
  const auto& json = value.extract<JsonObject::Ptr>();
  const auto digest = Digest::tryParse(base::jsonString(json, "digest"));
  if (!digest) invalid("has no valid digest (sha256 or sha512) at " + where);
  const auto size = wholeNumber(json->get("size"));
  if (!size) invalid("has no valid size at " + where);
  const Descriptor descriptor{base::jsonString(json, "mediaType"), *digest, *size};
  checkData(json, descriptor, where);
  const auto urls = json->getArray("urls");
  const bool hasUrls = !urls.isNull() && urls->size() != 0;
  return {descriptor, hasUrls || isNonDistributable(descriptor.mediaType)};
}

std::vector<ReadDescriptor> readList(const JsonObject::Ptr& json, const std::string& member) {
  std::vector<ReadDescriptor> list;
  const Poco::Dynamic::Var value = json->get(member);
  if (value.isEmpty()) return list;
  if (value.type() != typeid(base::JsonArray::Ptr)) invalid("has \"" + member + "\" that is no list");
  const auto& array = value.extract<base::JsonArray::Ptr>();
  if (array->size() > kMaxDescriptors)
    invalid("has more than " + std::to_string(kMaxDescriptors) + " " + member);
  for (std::size_t i = 0; i < array->size(); ++i)
    list.push_back(
        readDescriptor(array->get(static_cast<unsigned>(i)), member + "[" + std::to_string(i) + "]"));
  return list;
}

bool isIndexType(const std::string& mediaType) {
  return mediaType == kOciIndex || mediaType == kDockerList;
}

/// The media type that the manifest is served with.
std::string mediaTypeOf(const JsonObject::Ptr& json, std::string_view contentType) {
  std::string header(base::trim(contentType.substr(0, contentType.find(';'))));
  std::string own = base::jsonString(json, "mediaType");
  const bool headerSays =
      !header.empty() && header != "application/json" && header != "application/octet-stream";
  if (headerSays && !own.empty() && header != own) {
    invalid("says that it is " + base::printable(own) + ", and its Content-Type " + base::printable(header) +
            "; send the same in both");
  }
  if (headerSays) return header;
  if (!own.empty()) return own;
  return json->has("manifests") ? kOciIndex : kOciManifest;
}

void requireKnownForm(const JsonObject::Ptr& json, const std::string& mediaType) {
  constexpr std::array<const char*, 4> kKnown = {kOciManifest, kOciIndex, kDockerManifest, kDockerList};
  if (std::find(kKnown.begin(), kKnown.end(), mediaType) == kKnown.end()) {
    invalid("is of the type " + base::printable(mediaType) +
            ", which is not known here; push an OCI image manifest or index, or Docker's schema 2");
  }
  const Poco::Dynamic::Var version = json->get("schemaVersion");
  if (!version.isEmpty() && wholeNumber(version) != 2u) invalid("has another schemaVersion than 2");
  // One that could be read as either would be two images under one digest.
  if (isIndexType(mediaType) ? json->has("layers") || json->has("config") : json->has("manifests"))
    invalid("is an image and an index at once");
}

std::string annotationsOf(const JsonObject::Ptr& json) {
  const Poco::Dynamic::Var value = json->get("annotations");
  if (value.isEmpty()) return "";
  if (value.type() != typeid(JsonObject::Ptr)) invalid("has annotations that are no object");
  const auto& annotations = value.extract<JsonObject::Ptr>();
  for (const auto& [key, text] : *annotations) {
    if (!text.isString()) invalid("has an annotation that is no string");
  }
  return annotations->size() == 0 ? "" : base::toJson(annotations);
}

}  // namespace

store::PushedManifest parseManifest(std::string_view bytes, std::string_view contentType,
                                    base::DigestAlgorithm algorithm) {
  const auto json = base::parseJsonObject(bytes, "The manifest", bytes.size());
  const std::string mediaType = mediaTypeOf(json, contentType);
  requireKnownForm(json, mediaType);
  store::PushedManifest pushed{.manifest = {Digest::of(bytes, algorithm), mediaType, std::string(bytes), {}},
                               .children = {},
                               .subject = {},
                               .artifactType = base::jsonString(json, "artifactType"),
                               .annotations = {}};
  if (isIndexType(mediaType)) {
    for (const ReadDescriptor& child : readList(json, "manifests"))
      if (!child.elsewhere) pushed.children.push_back(child.descriptor.digest);
  } else {
    const ReadDescriptor config = readDescriptor(json->get("config"), "config");
    pushed.manifest.blobs.push_back(config.descriptor);
    for (const ReadDescriptor& layer : readList(json, "layers"))
      if (!layer.elsewhere) pushed.manifest.blobs.push_back(layer.descriptor);
    if (pushed.artifactType.empty()) pushed.artifactType = config.descriptor.mediaType;
  }
  if (const Poco::Dynamic::Var subject = json->get("subject"); !subject.isEmpty()) {
    pushed.subject = readDescriptor(subject, "subject").descriptor.digest;
    pushed.annotations = annotationsOf(json);
  }
  return pushed;
}

}  // namespace registry::detail
