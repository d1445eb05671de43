#include "base/confine.h"

#include <grp.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pwd.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>

#include "base/error.h"
#include "base/strings.h"

namespace base {
namespace {

#if defined(__x86_64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_X86_64;
constexpr std::uint32_t kOtherAbi = 0x4000'0000;  // x32: the same system calls by other numbers
#elif defined(__aarch64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
constexpr std::uint32_t kOtherAbi = 0;
#else
#error "which system calls are refused is known for x86-64 and AArch64 only"
#endif

constexpr std::array kRefused {
  // other roots and namespaces
  SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_fsopen, SYS_fsconfig, SYS_fsmount, SYS_fspick,
      SYS_move_mount, SYS_open_tree, SYS_mount_setattr, SYS_unshare, SYS_setns, SYS_open_by_handle_at,
      SYS_name_to_handle_at, SYS_quotactl, SYS_swapon, SYS_swapoff, SYS_acct,
      // other processes
      SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_pidfd_getfd, SYS_kcmp, SYS_perf_event_open,
      SYS_move_pages, SYS_migrate_pages,
      // the kernel
      SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_kexec_load, SYS_kexec_file_load, SYS_reboot,
      SYS_bpf, SYS_userfaultfd, SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register,
      SYS_fanotify_init, SYS_syslog, SYS_lookup_dcookie, SYS_vhangup,
#if defined(__x86_64__)
      SYS_iopl, SYS_ioperm, SYS_modify_ldt,
#endif
      // the machine's name, time and keys
      SYS_sethostname, SYS_setdomainname, SYS_settimeofday, SYS_clock_settime, SYS_adjtimex,
      SYS_clock_adjtime, SYS_keyctl, SYS_add_key, SYS_request_key
};

constexpr std::uint32_t kNewNamespaces =
    CLONE_NEWNS | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;

constexpr std::uint32_t refusal(std::uint32_t error) {
  return SECCOMP_RET_ERRNO | error;
}

sock_filter load(std::size_t offset) {
  return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset));
}
sock_filter answer(std::uint32_t what) {
  return BPF_STMT(BPF_RET | BPF_K, what);
}
/// The next instruction only when the loaded value is this one; else the one behind it.
sock_filter onlyIf(std::uint32_t value) {
  return BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1);
}

/// (seccomp(2); the low half of an argument comes first on little-endian machines, which both are.)
std::vector<sock_filter> filter() {
  const std::size_t number = offsetof(seccomp_data, nr);
  const std::size_t first = offsetof(seccomp_data, args);
  std::vector<sock_filter> program{load(offsetof(seccomp_data, arch)),
                                   BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kArchitecture, 1, 0),
                                   answer(refusal(ENOSYS)), load(number)};
  if (kOtherAbi != 0) {
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, kOtherAbi, 0, 1));
    program.push_back(answer(refusal(ENOSYS)));
  }
  for (const long call : kRefused) {
    program.push_back(onlyIf(static_cast<std::uint32_t>(call)));
    program.push_back(answer(refusal(EPERM)));
  }
  // Its flags lie in memory, which a filter cannot see: who finds it missing takes clone().
  program.push_back(onlyIf(SYS_clone3));
  program.push_back(answer(refusal(ENOSYS)));
  program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 4));
  program.push_back(load(first));
  program.push_back(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, kNewNamespaces, 0, 1));
  program.push_back(answer(refusal(EPERM)));
  program.push_back(answer(SECCOMP_RET_ALLOW));
  program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 6));
  program.push_back(load(first));
  for (const int family : {AF_UNIX, AF_INET, AF_INET6})
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(family),
                               static_cast<std::uint8_t>(family == AF_UNIX   ? 4
                                                         : family == AF_INET ? 3
                                                                             : 2),
                               0));
  // Programs ask it for the machine's addresses.
  program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_NETLINK, 1, 0));
  program.push_back(answer(refusal(EAFNOSUPPORT)));
  program.push_back(answer(SECCOMP_RET_ALLOW));
  return program;
}

void must(bool worked, const char* doing) {
  if (!worked) throwErrno(errno, doing);
}

void takeUser(const Confinement& confinement) {
  must(::setgroups(confinement.groups.size(), confinement.groups.data()) == 0, "leaving the groups");
  must(::setresgid(confinement.gid, confinement.gid, confinement.gid) == 0, "changing the group");
  must(::setresuid(confinement.uid, confinement.uid, confinement.uid) == 0, "changing the user");
}

std::uint32_t keptBy(const Confinement& confinement) {
  std::uint32_t kept = 0;
  if (confinement.lowPorts) kept |= 1U << CAP_NET_BIND_SERVICE;
  if (confinement.anyFiles)
    for (const unsigned each : {CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID})
      kept |= 1U << each;
  return kept;
}

void dropCapabilities(std::uint32_t kept) {
  constexpr int kWordBits = 32;  // none of those that are kept is in the second word
  for (int capability = 0; ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability) {
    if (capability < kWordBits && (kept >> capability & 1U) != 0) continue;
    // Who may not drop them has none to drop.
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0 && errno != EPERM)
      throwErrno(errno, "dropping capabilities");
  }
}

void keepCapabilities(std::uint32_t kept, bool lowPorts) {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, 2> sets{};
  sets[0].effective = sets[0].permitted = kept;
  if (lowPorts) sets[0].inheritable = 1U << CAP_NET_BIND_SERVICE;
  must(::syscall(SYS_capset, &header, sets.data()) == 0, "dropping capabilities");
  must(::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == 0, "dropping capabilities");
  if (lowPorts)
    must(::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_BIND_SERVICE, 0, 0) == 0, "keeping low ports");
}

}  // namespace

void confine(const Confinement& confinement) {
  const bool isRoot = ::geteuid() == 0;
  const std::uint32_t kept = isRoot ? keptBy(confinement) : 0;
  if (isRoot) {
    dropCapabilities(kept);
    // Else changing the user would clear what is to be kept.
    must(::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0, "keeping low ports");
    if (confinement.uid != 0) takeUser(confinement);
    // The kernel took it away with the user: our own folder in /proc would be root's, and closed to us.
    must(::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0, "keeping our folder in /proc");
  }
  keepCapabilities(kept, isRoot && confinement.lowPorts);
  must(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "giving up new rights");
  auto instructions = filter();
  const sock_fprog program{.len = static_cast<unsigned short>(instructions.size()),
                           .filter = instructions.data()};
  must(::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0, "setting a seccomp filter");
}

std::string toText(const Confinement& confinement) {
  return std::to_string(confinement.uid) + ":" + std::to_string(confinement.gid) +
         (confinement.lowPorts ? ",low-ports" : "");
}

Confinement parseConfinement(const std::string& text) {
  const auto parts = split(text, ',');
  const auto ids = split(parts.front(), ':');
  std::uint64_t uid = 0;
  std::uint64_t gid = 0;
  constexpr std::uint64_t kMax = std::numeric_limits<std::uint32_t>::max() - 1;
  const bool good = ids.size() == 2 && parseNumber(ids[0], uid) && parseNumber(ids[1], gid) && uid <= kMax &&
                    gid <= kMax && (parts.size() == 1 || (parts.size() == 2 && parts[1] == "low-ports"));
  if (!good)
    throw Error(Errc::invalidArgument, "\"" + printable(text) + "\" is not UID:GID or UID:GID,low-ports");
  return {.uid = static_cast<uid_t>(uid), .gid = static_cast<gid_t>(gid), .lowPorts = parts.size() == 2};
}

Confinement confinementOf(const std::string& account) {
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 16u << 10> buffer;
  if (::getpwnam_r(account.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
    throw Error(Errc::notFound, "this machine has no account \"" + printable(account) + "\"");
  return {.uid = entry.pw_uid, .gid = entry.pw_gid, .lowPorts = false};
}

}  // namespace base
