#include "registry/detail/registry_metrics.h"

namespace registry::detail {
namespace {

using Operation = RegistryMetrics::Operation;
using Kind = RegistryRequest::Kind;

const char* nameOf(Operation operation) {
  switch (operation) {
    case Operation::list:
      return "list";
    case Operation::head:
      return "head";
    case Operation::pullManifest:
      return "pull_manifest";
    case Operation::pullBlob:
      return "pull_blob";
    case Operation::putManifest:
      return "put_manifest";
    case Operation::beginUpload:
      return "upload_begin";
    case Operation::uploadChunk:
      return "upload_chunk";
    case Operation::completeUpload:
      return "upload_complete";
    case Operation::uploadStatus:
      return "upload_status";
    case Operation::remove:
      break;
  }
  return "delete";
}

const char* nameOf(RegistryMetrics::Phase phase) {
  switch (phase) {
    case RegistryMetrics::Phase::receive:
      return "receive";
    case RegistryMetrics::Phase::write:
      return "write";
    case RegistryMetrics::Phase::hash:
      return "hash";
    case RegistryMetrics::Phase::sync:
      return "sync";
    case RegistryMetrics::Phase::commit:
      break;
  }
  return "commit";
}

base::Counter& bytesCounter(base::Metrics& metrics, const char* direction) {
  return metrics.counter({"fairlead_registry_bytes_total",
                          "Bytes of manifests and blobs that clients have sent and were sent.",
                          {{"direction", direction}}});
}

}  // namespace

RegistryMetrics::RegistryMetrics(base::Metrics& metrics)
    : metrics_(metrics),
      in_(bytesCounter(metrics, "in")),
      out_(bytesCounter(metrics, "out")),
      uploads_(
          metrics.gauge({"fairlead_registry_open_uploads", "Uploads that were begun and not ended.", {}})) {
  for (std::size_t i = 0; i < kOperations; ++i) {
    seconds_.at(i) = &metrics.histogram({"fairlead_registry_request_seconds",
                                         "Time to answer a request to the registry, its body included.",
                                         {{"operation", nameOf(static_cast<Operation>(i))}}});
  }
  for (std::size_t i = 0; i < kPhases; ++i) {
    phaseSeconds_.at(i) =
        &metrics.histogram({"fairlead_registry_push_seconds",
                            "Where the time went of each request that brought a blob or a manifest.",
                            {{"phase", nameOf(static_cast<Phase>(i))}}});
  }
}

Operation RegistryMetrics::operationOf(Kind kind, const std::string& method) {
  const bool reads = method == "GET" || method == "HEAD";
  switch (kind) {
    case Kind::manifest:
      if (method == "HEAD") return Operation::head;
      if (method == "PUT") return Operation::putManifest;
      return reads ? Operation::pullManifest : Operation::remove;
    case Kind::blob:
      if (method == "HEAD") return Operation::head;
      return reads ? Operation::pullBlob : Operation::remove;
    case Kind::uploads:
      return Operation::beginUpload;
    case Kind::upload:
      if (method == "PATCH") return Operation::uploadChunk;
      if (method == "PUT") return Operation::completeUpload;
      return reads ? Operation::uploadStatus : Operation::remove;
    default:
      return Operation::list;
  }
}

void RegistryMetrics::refused(const char* code) {
  metrics_
      .counter({"fairlead_registry_refusals_total",
                "Requests that were refused, by error code.",
                {{"code", code}}})
      .add();
}

}  // namespace registry::detail
