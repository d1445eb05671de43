// What a build is made from: a commit that was pushed, or a tarball.
#pragma once

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/digest.h"
#include "base/fd.h"
#include "gitd/push_handler.h"

namespace controller {

/// A source tree in a tar archive; no git ref is involved. A value; the open file is shared by the build's
/// queue entry and its worker.
struct TarballRequest {
  gitd::Identity identity;
  std::shared_ptr<const base::Fd> file;  ///< what was uploaded; null: to be fetched from `url`
  std::string url;                       ///< https, or of the upload
  std::optional<base::Digest> checksum;  ///< of the file, as it was asked for
  std::string version;                   ///< a commit's id or any text, or empty
  std::string description;               ///< of the version, or empty
  std::vector<std::string> options;      ///< as of git push -o
};

using BuildSource = std::variant<gitd::PushRequest, TarballRequest>;

}  // namespace controller
