// /apps/A/slugs.
#include <memory>
#include <vector>

#include "api/route.h"
#include "api/shapes.h"
#include "base/error.h"
#include "base/strings.h"
#include "controller/disconnect_watch.h"
#include "controller/render.h"
#include "store/layer_writer.h"

namespace api {
namespace {

using base::Errc;
using base::Error;
using controller::Action;

constexpr std::size_t kListed = 1000;

store::Slug slugNamed(const Call& call) {
  const std::string& uuid = call.word("slug");
  if (auto slug = call.store().findSlug(call.app().id, uuid)) return *std::move(slug);
  if (call.parts.slugUploads.find(call.app(), uuid))
    throw Error(Errc::notFound, controller::emptySlugSentence(uuid));
  throw Error(Errc::notFound,
              "there is no slug " + base::printable(call.word("slug")) + " of " + call.app().name.str());
}

/// Of all layers' bytes, one behind the other: computed when it is first asked for, since a build that reuses
/// layers does not read them.
base::Digest checksumOf(const Call& call, const store::Slug& slug) {
  if (slug.checksum) return *slug.checksum;
  base::Sha256 sha;
  std::vector<char> buffer(256u << 10);
  for (const store::Layer& layer : slug.layers) {
    const auto source = call.parts.blobs.open(layer.blob.digest);
    while (const std::size_t count = source->read(buffer.data(), buffer.size()))
      sha.update({buffer.data(), count});
  }
  const base::Digest checksum = sha.finish();
  call.store().setSlugChecksum(slug.id, checksum);
  return checksum;
}

/// With a URL that is good without a token for a while, to download it.
template <typename AnySlug>
base::JsonObject::Ptr slugJson(const Call& call, const AnySlug& slug) {
  auto json = controller::renderSlug(call.app(), slug);
  auto blob = json->getObject("blob");
  blob->set("url", call.origin + call.parts.signer.sign("GET", "/apps/" + call.app().name.str() + "/slugs/" +
                                                                   slug.uuid + "/blob"));
  return json;
}

Reply listSlugs(const Call& call) {
  Listing listing{.fields = {"created_at", "id"}};
  for (const store::Slug& slug : call.store().slugs(call.app().id, kListed))
    listing.all.push_back(slugJson(call, slug));
  return page(call, std::move(listing));
}

/// One without content has the URL at which it will be: the one to put it there is for who announced it.
Reply showSlug(const Call& call) {
  if (const auto pending = call.parts.slugUploads.find(call.app(), call.word("slug")))
    return reply(slugJson(call, *pending));
  store::Slug slug = slugNamed(call);
  store::requireKept(slug);
  slug.checksum = checksumOf(call, slug);
  return reply(slugJson(call, slug));
}

Reply sendBlob(const Call& call) {
  const store::Slug slug = slugNamed(call);
  store::requireKept(slug);
  const base::Digest checksum = checksumOf(call, slug);
  const bool zstd = !slug.layers.empty() && slug.layers[0].blob.mediaType == store::LayerWriter::kZstdLayer;
  return {.send = [&blobs = call.parts.blobs, slug, checksum, zstd](base::HttpRequest& request,
                                                                    base::HttpResponse& response) {
    std::vector<std::unique_ptr<base::ServedFile>> files;
    for (const store::Layer& layer : slug.layers)
      files.push_back(blobs.openToSend(layer.blob.digest, layer.blob.sizeBytes));
    base::sendFiles(request, response, files, zstd ? "application/zstd" : "application/gzip", checksum.str());
  }};
}

Reply announceSlug(const Call& call) {
  controller::SlugUploads& uploads = call.parts.slugUploads;
  const store::PendingSlug slug = uploads.announce(call.app(), call.body, call.caller.user);
  auto json = controller::renderSlug(call.app(), slug);
  auto blob = json->getObject("blob");
  blob->set("method", "put");
  blob->set("url", call.origin + uploads.putPath(call.app(), slug.uuid));
  return reply(json, 201);
}

void takeUpload(const Call& call, base::HttpRequest& request) {
  base::RequestBody body(request);
  const auto upload = call.parts.slugUploads.begin(call.app(), call.word("slug"), request.getURI());
  if (request.hasContentLength() &&
      request.getContentLength64() > static_cast<std::int64_t>(upload->maxBytes()))
    upload->refuseSize();
  upload->receive(body);
  const controller::DisconnectWatch watch(request);
  upload->finish(watch.token());
}

/// Answered when the slug is there, and nothing else is left of the upload.
Reply takeBlob(const Call& call) {
  return {.send = [call](base::HttpRequest& request, base::HttpResponse& response) {
    takeUpload(call, request);
    base::sendBody(request, response, 200, "text/plain; charset=utf-8", "");
  }};
}

Shape newSlug() {
  return object({required("process_types", mapOf(text())),
                 {"commit", orNull(text())},
                 {"commit_description", orNull(text())},
                 {"buildpack_provided_description", orNull(text())},
                 {"checksum", orNull(text())},
                 {"stack", orNull(text())}});
}

}  // namespace

std::vector<Route> slugRoutes() {
  return {
      {"GET", "/apps/{app}/slugs", "The app's slugs", listOf(slugShape()), listSlugs, Action::viewApp},
      {"POST", "/apps/{app}/slugs", "Announce a slug, with a signed URL to PUT its content to", slugShape(),
       announceSlug, Action::deployApp, newSlug(), 201},
      {"GET", "/apps/{app}/slugs/{slug}", "One slug, with a signed URL to download it", slugShape(), showSlug,
       Action::viewApp},
      {.method = "GET",
       .path = "/apps/{app}/slugs/{slug}/blob",
       .summary = "The slug itself: a tar, compressed; Range, ETag, HEAD",
       .answer = anything(),
       .handle = sendBlob,
       .action = Action::viewApp,
       .door = Door::signature},
      {.method = "PUT",
       .path = "/apps/{app}/slugs/{slug}/blob",
       .summary = "Upload an announced slug: a tar of ./app, compressed",
       .answer = anything(),
       .handle = takeBlob,
       .action = Action::deployApp,
       .door = Door::signature},
  };
}

}  // namespace api
