// Sending somebody away before SSH has begun.
#pragma once

#include <string>
#include <string_view>

#include "base/fd.h"

namespace gitd::detail {

/// The server's identification line, without its end. (RFC 4253, 4.2.)
extern const char* const kSoftware;

/// What a client is sent that is not served: the identification line and a disconnect message in plain text,
/// which every client shows. (RFC 4253, 6 and 11.1.)
std::string refusalBytes(std::string_view sentence);

/// Sends it without waiting and closes the socket.
void refuse(base::Fd socket, std::string_view sentence);

}  // namespace gitd::detail
