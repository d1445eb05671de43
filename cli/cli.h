// The user's client: forwards its words to a server and prints what comes back. The command set itself lives
// in the server.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace cli {

/// Runs one command, `args` without the program's name, against the server that --data, FAIRLEAD_URL,
/// FAIRLEAD_DATA or the default folder names. Returns the exit status: the server's own, 1 when there is no
/// answer, 2 for wrong usage, 130 when interrupted. Blocks until the command has ended. Reads the
/// environment, the terminal and the current folder; installs a SIGINT handler and ignores SIGPIPE. Never
/// throws.
int run(const std::vector<std::string>& args);

/// Fetches a file by http, going on where an earlier attempt ended, and verified when the server says what
/// its digest is. Throws invalidArgument for another URL, unavailable, corrupt, or the server's own words.
void fetch(const std::string& url, const std::filesystem::path& file);

}  // namespace cli
