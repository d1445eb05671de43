// .env files: what programs and people keep an environment in.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace base {

/// Lines of NAME=VALUE, perhaps after "export "; empty lines and comments ("#" at the start of a line, or
/// after a space behind an unquoted value) are skipped. 'Text' stands for itself, in "text" \n, \r, \t, \",
/// \\, \$ and \` are escapes; both may go over several lines. A later line wins. Nothing is expanded. Throws
/// invalidArgument with the line's number, never with what is in it.
std::map<std::string, std::string> parseEnvFile(std::string_view text);

/// Such a file, which bash (source) and docker compose read as well; a value of simple characters stands
/// unquoted, as docker's --env-file wants it.
std::string formatEnvFile(const std::map<std::string, std::string>& variables);

}  // namespace base
