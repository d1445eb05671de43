#include "controller/source_request.h"

#include <optional>

#include "base/error.h"
#include "base/strings.h"
#include "builder/builder.h"

namespace controller {
namespace {

using base::Errc;
using base::Error;

constexpr unsigned kMaxBuildpacks = 20;

/// A URL, a name, or the API's own word for one of Heroku's ("urn:buildpack:heroku/ruby").
std::string buildpackOf(const base::JsonObject::Ptr& object) {
  constexpr std::string_view kUrn = "urn:buildpack:";
  std::string source = base::jsonString(object, "url");
  if (source.empty()) source = base::jsonString(object, "name");
  if (source.empty())
    throw Error(Errc::invalidArgument, "each of \"buildpacks\" needs a \"url\" or a \"name\"");
  if (source.starts_with(kUrn)) source.erase(0, kUrn.size());
  builder::checkBuildpackSource(source);
  return source;
}

void readBuildpacks(const base::JsonObject::Ptr& body, TarballRequest& request) {
  if (!body->has("buildpacks") || body->isNull("buildpacks")) return;
  const auto list = body->getArray("buildpacks");
  if (!list || list->size() > kMaxBuildpacks)
    throw Error(Errc::invalidArgument, "\"buildpacks\" must be an array of at most 20 objects");
  for (unsigned i = 0; i < list->size(); ++i) {
    const auto each = list->getObject(i);
    if (!each) throw Error(Errc::invalidArgument, "\"buildpacks\" must be an array of at most 20 objects");
    request.options.push_back("buildpack=" + buildpackOf(each));
  }
}

}  // namespace

TarballRequest readBuildRequest(const base::JsonObject::Ptr& body) {
  const auto blob = body->getObject("source_blob");
  if (!blob)
    throw Error(Errc::invalidArgument, "\"source_blob\" is missing: say {\"source_blob\": {\"url\": ...}}");
  TarballRequest request;
  request.url = base::jsonString(blob, "url");
  if (request.url.empty())
    throw Error(Errc::invalidArgument, "\"source_blob\" has no \"url\": make one with POST /sources");
  if (const std::string checksum = base::jsonString(blob, "checksum"); !checksum.empty())
    request.checksum = parseChecksum(checksum);
  request.version = base::jsonString(blob, "version");
  request.description = base::jsonString(blob, "version_description");
  checkVersion(request);
  readBuildpacks(body, request);
  return request;
}

base::Digest parseChecksum(const std::string& text) {
  std::string lower = text;
  for (char& byte : lower)
    if (byte >= 'A' && byte <= 'Z') byte = static_cast<char>(byte - 'A' + 'a');
  if (auto digest = base::Digest::tryParse(lower)) return *std::move(digest);
  throw Error(Errc::invalidArgument, "the checksum \"" + base::printable(text) +
                                         "\" is not SHA256: and 64 hex digits: correct it or leave it out");
}

void checkText(const std::string& what, const std::string& text, std::size_t maxBytes) {
  if (text.size() > maxBytes)
    throw Error(Errc::invalidArgument,
                what + " is longer than " + std::to_string(maxBytes) + " bytes: shorten it");
  if (base::printable(text, maxBytes) != text)
    throw Error(Errc::invalidArgument, what + " holds characters that cannot be printed: leave them out");
}

void checkVersion(const TarballRequest& request) {
  checkText("the source's version", request.version, kMaxVersionBytes);
  checkText("the version's description", request.description, kMaxDescriptionBytes);
}

}  // namespace controller
