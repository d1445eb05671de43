#include "sandbox/detail/seccomp_profile.h"

#include <cerrno>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "base/strings.h"

namespace sandbox {
namespace {

// Names that this machine's ABI or libseccomp does not know are skipped by the runtimes.
constexpr std::string_view kFiles =
    "read write open openat openat2 creat close close_range stat fstat lstat stat64 fstat64 lstat64 "
    "fstatat64 newfstatat statx statfs fstatfs statfs64 fstatfs64 lseek "
    "_llseek pread64 pwrite64 readv writev preadv pwritev preadv2 pwritev2 access faccessat faccessat2 pipe "
    "pipe2 dup dup2 dup3 fcntl fcntl64 flock fsync fdatasync sync "
    "syncfs sync_file_range sync_file_range2 truncate ftruncate truncate64 ftruncate64 fallocate fadvise64 "
    "fadvise64_64 readahead getdents getdents64 getcwd chdir fchdir "
    "rename renameat renameat2 mkdir mkdirat rmdir link linkat unlink unlinkat symlink symlinkat readlink "
    "readlinkat chmod fchmod fchmodat fchmodat2 chown fchown lchown "
    "fchownat chown32 fchown32 lchown32 umask mknod mknodat utime utimes utimensat futimesat setxattr "
    "lsetxattr fsetxattr getxattr lgetxattr fgetxattr listxattr llistxattr "
    "flistxattr removexattr lremovexattr fremovexattr setxattrat getxattrat listxattrat removexattrat "
    "sendfile sendfile64 splice tee vmsplice copy_file_range "
    "name_to_handle_at inotify_init inotify_init1 inotify_add_watch inotify_rm_watch fanotify_mark ioctl "
    "memfd_create cachestat";

constexpr std::string_view kMemory =
    "mmap mmap2 mprotect munmap brk mremap msync mincore madvise mlock mlock2 munlock mlockall munlockall "
    "remap_file_pages pkey_mprotect pkey_alloc pkey_free mseal "
    "map_shadow_stack membarrier get_mempolicy shmget shmat shmctl shmdt semget semop semctl semtimedop "
    "msgget msgsnd msgrcv msgctl ipc mq_open mq_unlink mq_timedsend "
    "mq_timedreceive mq_notify mq_getsetattr process_mrelease";

constexpr std::string_view kProcesses =
    "fork vfork execve execveat exit exit_group wait4 waitid waitpid kill tkill tgkill uname getpid getppid "
    "gettid getpgid setpgid getpgrp getsid setsid getuid geteuid getgid "
    "getegid setuid setgid setreuid setregid setresuid setresgid getresuid getresgid setfsuid setfsgid "
    "getgroups setgroups getrlimit setrlimit ugetrlimit prlimit64 getrusage "
    "sysinfo times getpriority setpriority ioprio_get ioprio_set prctl arch_prctl capget capset ptrace "
    "process_vm_readv process_vm_writev set_tid_address set_thread_area "
    "get_thread_area set_robust_list get_robust_list rseq seccomp landlock_create_ruleset landlock_add_rule "
    "landlock_restrict_self pidfd_open pidfd_send_signal getcpu "
    "restart_syscall getrandom sched_yield sched_setparam sched_getparam sched_setscheduler "
    "sched_getscheduler sched_get_priority_max sched_get_priority_min "
    "sched_rr_get_interval sched_setaffinity sched_getaffinity sched_setattr sched_getattr futex futex_waitv "
    "futex_wake futex_wait futex_requeue riscv_flush_icache "
    "riscv_hwprobe cacheflush set_tls";

constexpr std::string_view kSignalsAndTime =
    "rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait rt_sigqueueinfo "
    "rt_tgsigqueueinfo rt_sigsuspend sigaltstack sigreturn pause alarm getitimer "
    "setitimer nanosleep clock_nanosleep gettimeofday time clock_gettime clock_getres timer_create "
    "timer_settime timer_gettime timer_getoverrun timer_delete timerfd_create "
    "timerfd_settime timerfd_gettime signalfd signalfd4 eventfd eventfd2";

constexpr std::string_view kPollAndSockets =
    "select _newselect pselect6 poll ppoll epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait "
    "epoll_pwait2 socketpair connect accept accept4 bind listen "
    "getsockname getpeername setsockopt getsockopt sendto sendmsg sendmmsg recvfrom recvmsg recvmmsg "
    "shutdown io_setup io_destroy io_getevents io_pgetevents io_submit "
    "io_cancel";

// EPERM rather than ENOSYS: what programs expect of a call that exists but is not for them.
constexpr std::string_view kForbidden =
    "mount umount umount2 pivot_root chroot open_tree open_tree_attr move_mount fsopen fsconfig fsmount "
    "fspick mount_setattr setns swapon swapoff reboot kexec_load "
    "kexec_file_load init_module finit_module delete_module create_module get_kernel_syms query_module bpf "
    "perf_event_open userfaultfd keyctl add_key request_key "
    "open_by_handle_at fanotify_init quotactl quotactl_fd acct settimeofday stime clock_settime adjtimex "
    "clock_adjtime iopl ioperm modify_ldt vm86 vm86old lookup_dcookie "
    "nfsservctl sysfs ustat uselib _sysctl vhangup syslog sethostname setdomainname kcmp pidfd_getfd "
    "process_madvise mbind set_mempolicy set_mempolicy_home_node "
    "migrate_pages move_pages memfd_secret io_uring_setup io_uring_enter io_uring_register";

struct Condition {
  unsigned argument;
  std::uint64_t value;
  std::uint64_t valueTwo = 0;
  const char* comparison = "SCMP_CMP_EQ";
};

constexpr int kAllow = 0;

base::JsonObject::Ptr rule(std::string_view names, int errorNumber,
                           std::initializer_list<Condition> conditions = {}) {
  auto object = base::makeJsonObject();
  auto list = base::makeJsonArray();
  for (const std::string& name : base::split(names, ' '))
    list->add(name);
  object->set("names", list);
  object->set("action", errorNumber == kAllow ? "SCMP_ACT_ALLOW" : "SCMP_ACT_ERRNO");
  if (errorNumber != kAllow) object->set("errnoRet", errorNumber);
  if (conditions.size() == 0) return object;
  auto args = base::makeJsonArray();
  for (const Condition& condition : conditions) {
    auto arg = base::makeJsonObject();
    arg->set("index", condition.argument);
    arg->set("value", condition.value);
    if (condition.valueTwo != 0) arg->set("valueTwo", condition.valueTwo);
    arg->set("op", condition.comparison);
    args->add(arg);
  }
  object->set("args", args);
  return object;
}

// A masked comparison: value is the mask, valueTwo what is compared with.
Condition flagsWithout(std::uint64_t mask) {
  return {.argument = 0, .value = mask, .valueTwo = 0, .comparison = "SCMP_CMP_MASKED_EQ"};
}
Condition flagsWith(std::uint64_t bit) {
  return {.argument = 0, .value = bit, .valueTwo = bit, .comparison = "SCMP_CMP_MASKED_EQ"};
}

// New namespaces would give a process capabilities over objects of its own and open much of the kernel to it.
// clone3 has its flags in memory, where the filter cannot look: it is left to ENOSYS, upon which libc takes
// clone. One rule per flag, because a filter cannot say "any of these bits".
void addNamespaceRules(base::JsonArray& rules) {
  constexpr std::uint64_t kNewTime = 0x80;  // with clone() these bits are the exit signal
  constexpr std::uint64_t kNewFlags[] = {0x00020000, 0x02000000, 0x04000000, 0x08000000,
                                         0x10000000, 0x20000000, 0x40000000};
  constexpr std::uint64_t kAllNewFlags = 0x7e020000;
  rules.add(rule("clone", kAllow, {flagsWithout(kAllNewFlags)}));
  rules.add(rule("unshare", kAllow, {flagsWithout(kAllNewFlags | kNewTime)}));
  for (const std::uint64_t flag : kNewFlags)
    rules.add(rule("clone unshare", EPERM, {flagsWith(flag)}));
  rules.add(rule("unshare", EPERM, {flagsWith(kNewTime)}));
}

// Unix, IPv4, IPv6 and netlink (getaddrinfo asks it for addresses). The rest reaches other machines' layers
// (vsock) or old kernel code (alg, packet, can).
void addSocketRules(base::JsonArray& rules) {
  for (const std::uint64_t family : {1, 2, 10, 16})
    rules.add(rule("socket", kAllow, {{.argument = 0, .value = family}}));
  rules.add(rule("socket", EAFNOSUPPORT, {{.argument = 0, .value = 17, .comparison = "SCMP_CMP_GE"}}));
}

// Execution domains that only change what uname() says or the address space's layout as linux32 does; others
// bring back bugs of old systems.
void addPersonalityRules(base::JsonArray& rules) {
  for (const std::uint64_t persona : {0x0ull, 0x8ull, 0x20000ull, 0x20008ull, 0xffffffffull})
    rules.add(rule("personality", kAllow, {{.argument = 0, .value = persona}}));
}

}  // namespace

base::JsonObject::Ptr seccompProfile() {
  auto rules = base::makeJsonArray();
  for (const std::string_view names : {kFiles, kMemory, kProcesses, kSignalsAndTime, kPollAndSockets})
    rules->add(rule(names, kAllow));
  rules->add(rule(kForbidden, EPERM));
  addNamespaceRules(*rules);
  addSocketRules(*rules);
  addPersonalityRules(*rules);
  auto profile = base::makeJsonObject();
  profile->set("defaultAction", "SCMP_ACT_ERRNO");
  profile->set("defaultErrnoRet", ENOSYS);
  profile->set("syscalls", rules);
  return profile;
}

}  // namespace sandbox
