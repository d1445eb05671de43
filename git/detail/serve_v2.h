// Protocol 2: commands until the client leaves. (gitprotocol-v2.)
#pragma once

#include "git/detail/fetch.h"

namespace git::detail {

void advertiseV2(const FetchContext& context);
/// One command, or all until the client leaves.
enum class Commands { one, all };
void serveV2(const FetchContext& context, Commands commands);

/// A command's name and its arguments, in order.
struct V2Request {
  std::string command;
  std::vector<std::string> arguments;
};
/// nullopt when the client has left. Throws invalidArgument for what is malformed, unknown or over a limit.
std::optional<V2Request> readV2Request(PktReader& reader, const FetchContext& context);

}  // namespace git::detail
