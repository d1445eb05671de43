#include "registry/detail/refusal.h"

#include "base/json.h"

namespace registry::detail {

Refusal nameUnknown() {
  return {404, "NAME_UNKNOWN", "repository name not known to registry"};
}

Refusal nameInvalid() {
  return {
      400, "NAME_INVALID",
      "a repository's name is words of lowercase letters and digits, joined by '/', '.', '_' or '-', at most "
      "255 characters long"};
}

Refusal digestInvalid() {
  return {400, "DIGEST_INVALID",
          "a digest is sha256: and 64, or sha512: and 128 lowercase hex digits, and that of the content"};
}

Refusal manifestUnknown() {
  return {404, "MANIFEST_UNKNOWN", "manifest unknown to registry"};
}

Refusal blobUnknown() {
  return {404, "BLOB_UNKNOWN", "blob unknown to registry"};
}

Refusal uploadUnknown() {
  return {404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry; start it again"};
}

Refusal diskFull() {
  return {507, "UNAVAILABLE",
          "the server's disk is nearly full (setting disk_min_free_bytes): ask its operator for room"};
}

Refusal refusalOf(base::Errc code, const std::string& message, const char* invalidCode) {
  const int status = base::httpStatus(code);
  switch (code) {
    case base::Errc::notFound:
      return blobUnknown();  // only a blob's file can vanish under a request
    case base::Errc::unauthenticated:
      return {status, "UNAUTHORIZED", message};
    case base::Errc::permissionDenied:
      return {status, "DENIED", message};
    case base::Errc::diskFull:
    case base::Errc::unavailable:
      return {status, "UNAVAILABLE", message};
    case base::Errc::overloaded:
      return {status, "TOOMANYREQUESTS", message};
    case base::Errc::conflict:
    case base::Errc::cancelled:
      return {status, invalidCode, message};
    case base::Errc::invalidArgument:
      return {400, invalidCode, message};
    default:
      return {status, "UNKNOWN", message};
  }
}

void send(base::HttpRequest& request, base::HttpResponse& response, const Refusal& refusal) {
  auto error = base::makeJsonObject();
  error->set("code", refusal.code);
  error->set("message", refusal.message);
  error->set("detail", base::makeJsonObject());
  auto errors = base::makeJsonArray();
  errors->add(error);
  auto body = base::makeJsonObject();
  body->set("errors", errors);
  if (refusal.status == 429) response.set("Retry-After", "10");
  base::sendJson(request, response, refusal.status, base::toJson(body));
}

}  // namespace registry::detail
