// How a client called this server.
#pragma once

#include <string>

#include "base/http.h"

namespace registry {

/// Whether who speaks to us is on this machine, for itself or for others.
bool isPeerLocal(const base::HttpRequest& request);
/// "http://localhost:5000", or "https://..." behind a proxy that says so (X-Forwarded-Proto): the client's
/// own words, so they lead back here. X-Forwarded-Host counts from a proxy on this machine only. `publicUrl`
/// is the operator's word, or empty: its scheme counts where the host is the same, and all of it when the
/// client named none.
std::string originOf(const base::HttpRequest& request, const std::string& publicUrl);
/// Of an origin: "localhost:5000".
std::string hostOfOrigin(const std::string& origin);

}  // namespace registry
