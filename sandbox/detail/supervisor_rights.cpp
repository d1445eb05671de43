#include "sandbox/detail/supervisor_rights.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/error.h"

namespace sandbox {
namespace {

constexpr unsigned kWordBits = 32;

// Making a container takes nearly all of root: mounts, namespaces, other users' files and processes, the
// packet filter and, where that is iptables' older kind, its modules. These it does not take.
constexpr std::array<unsigned, 14> kNeedless{
    CAP_SYS_RAWIO,      CAP_SYS_BOOT,        CAP_SYS_TIME,      CAP_SYSLOG,     CAP_WAKE_ALARM,
    CAP_MAC_ADMIN,      CAP_MAC_OVERRIDE,    CAP_AUDIT_CONTROL, CAP_AUDIT_READ, CAP_SYS_PACCT,
    CAP_SYS_TTY_CONFIG, CAP_LINUX_IMMUTABLE, CAP_BLOCK_SUSPEND, CAP_LEASE};

[[noreturn]] void fail() {
  base::throwErrno(errno, "giving up the supervisor's needless rights");
}

}  // namespace

unsigned long long givenUpCapabilities() {
  unsigned long long mask = 0;
  for (const unsigned each : kNeedless)
    mask |= 1ull << each;
  return mask;
}

void giveUpRights() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> data{};
  if (::syscall(SYS_capget, &header, data.data()) != 0) fail();
  for (const unsigned each : kNeedless) {
    // EINVAL: the kernel does not know it.
    if (::prctl(PR_CAPBSET_DROP, each, 0, 0, 0) != 0 && errno != EINVAL) fail();
    __user_cap_data_struct& word = data[each / kWordBits];
    const unsigned keep = ~(1u << (each % kWordBits));
    word.effective &= keep;
    word.permitted &= keep;
    word.inheritable &= keep;
  }
  if (::syscall(SYS_capset, &header, data.data()) != 0) fail();
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) fail();
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) fail();
}

}  // namespace sandbox
