// libssh's handles. Only gitd includes this.
#pragma once

#include <libssh/callbacks.h>
#include <libssh/libssh.h>
#include <libssh/server.h>

#include "base/c_handle.h"

namespace gitd::detail {

using SshBind = base::CHandle<ssh_bind_struct, &ssh_bind_free>;
using SshSession = base::CHandle<ssh_session_struct, &ssh_free>;
using SshKey = base::CHandle<ssh_key_struct, &ssh_key_free>;
using SshEvent = base::CHandle<ssh_event_struct, &ssh_event_free>;

}  // namespace gitd::detail
