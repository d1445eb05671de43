// Files that a command's answer tells the client to fetch.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cli/detail/answer_reader.h"
#include "cli/detail/server_address.h"
#include "cli/detail/surroundings.h"

namespace cli::detail {

/// Throws permissionDenied (alreadyExists for a plain name that is taken) unless the user asked for this
/// file: it is "-", or stands in `argv`, or is a plain name that the current folder does not have yet. A
/// server must not choose which of the user's files to write.
void checkFileName(const std::vector<std::string>& argv, const Surroundings& surroundings,
                   const std::string& file);

/// GETs its path and writes the body to the file (relative to the current folder), atomically, or to stdout
/// for "-". Length, and digest when the answer names it, are verified before the file gets its name. What a
/// broken connection left of a file with a digest stays beside it, as .NAME.DIGEST.part, and the next try
/// goes on from there. Throws unavailable, corrupt, or the server's own words.
void download(const ServerAddress& server, const SavedFile& saved, const Surroundings& surroundings);

/// The same of a URL of any server; it may carry its own permission.
void fetchUrl(const std::string& url, const std::filesystem::path& file, const Surroundings& surroundings);

}  // namespace cli::detail
