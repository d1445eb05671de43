// What the registry refuses, in the specification's words.
#pragma once

#include <optional>
#include <string>

#include "base/error.h"
#include "base/http.h"

namespace registry::detail {

/// A refusal's status, code and sentence. (OCI distribution-spec, Error Codes.)
struct Refusal {
  int status;
  const char* code;
  std::string message;
};

/// What an endpoint did: nullopt when it has answered.
using Outcome = std::optional<Refusal>;

Refusal nameUnknown();
Refusal nameInvalid();
Refusal digestInvalid();
Refusal manifestUnknown();
Refusal blobUnknown();
Refusal uploadUnknown();
Refusal diskFull();
/// Of an error that an endpoint threw; `invalidCode` is the endpoint's word for what came and is not right.
Refusal refusalOf(base::Errc code, const std::string& message, const char* invalidCode);

void send(base::HttpRequest& request, base::HttpResponse& response, const Refusal& refusal);

}  // namespace registry::detail
