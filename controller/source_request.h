// What a caller says about the tarball that shall be built.
#pragma once

#include <cstddef>
#include <string>

#include "base/digest.h"
#include "base/json.h"
#include "controller/build_source.h"

namespace controller {

/// The body of POST /apps/APP/builds: {"source_blob": {"url", "checksum"?, "version"?,
/// "version_description"?}, "buildpacks"?: [{"url"} or {"name"}]}; unknown members are left alone. Identity
/// and file are for the caller to fill in. Throws invalidArgument.
TarballRequest readBuildRequest(const base::JsonObject::Ptr& body);

/// "SHA256:HEX", in any case; throws invalidArgument.
base::Digest parseChecksum(const std::string& text);
/// Throws invalidArgument for text that is long or holds control characters; `what` begins the sentence.
void checkText(const std::string& what, const std::string& text, std::size_t maxBytes);
constexpr std::size_t kMaxVersionBytes = 200;
constexpr std::size_t kMaxDescriptionBytes = 2000;
/// Throws invalidArgument for a version or description that is long or holds control characters.
void checkVersion(const TarballRequest& request);

}  // namespace controller
