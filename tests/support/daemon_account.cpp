#include "tests/support/daemon_account.h"

#include <linux/capability.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <exception>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "tests/support/own_trees.h"

namespace testing_support {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kContainers = 1'200'000'000;
constexpr uid_t kDaemon = kContainers - 1;

void require(bool succeeded, const char* what) {
  if (!succeeded) throw std::runtime_error(std::string(what) + ": " + std::to_string(errno));
}

/// Of the calling thread alone, which the C library's functions would do to all. Its real user stays root, so
/// that it can come back; the capabilities go and come with the effective one.
void becomeUser(uid_t id) {
  constexpr auto kKeep = static_cast<uid_t>(-1);
  require(::syscall(SYS_setresuid, kKeep, 0, kKeep) == 0, "setresuid");
  require(::syscall(SYS_setgroups, 0, nullptr) == 0, "setgroups");
  require(::syscall(SYS_setresgid, kKeep, id, kKeep) == 0, "setresgid");
  require(::syscall(SYS_setresuid, kKeep, id, kKeep) == 0, "setresuid");
}

/// The calling thread has root's capabilities for its life, and stays the user that it is.
class Rights {
 public:
  Rights() {
    require(::syscall(SYS_capget, &header_, before_.data()) == 0, "capget");
    auto all = before_;
    for (auto& each : all)
      each.effective = each.permitted;
    require(::syscall(SYS_capset, &header_, all.data()) == 0, "capset");
  }
  ~Rights() { ::syscall(SYS_capset, &header_, before_.data()); }
  Rights(const Rights&) = delete;
  Rights& operator=(const Rights&) = delete;

 private:
  __user_cap_header_struct header_{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, 2> before_{};
};

void onThread(const std::function<void()>& work) {
  std::exception_ptr failure;
  std::thread([&] {
    try {
      work();
    } catch (...) {
      failure = std::current_exception();
    }
  }).join();
  if (failure) std::rethrow_exception(failure);
}

class SupervisedTrees : public sandbox::ForeignTrees {
 public:
  SupervisedTrees() {
    onThread([this] {
      becomeUser(kDaemon);
      trees_ = sandbox::makeForeignTrees(kContainers);  // for who calls
    });
  }

  void give(const fs::path& path, sandbox::TreeOwner owner, Depth depth) override {
    const Rights rights;
    trees_->give(path, owner, depth);
  }
  void takeBack(const fs::path& path, Depth depth) override {
    const Rights rights;
    trees_->takeBack(path, depth);
  }
  void remove(const fs::path& path) override {
    const Rights rights;
    trees_->remove(path);
  }
  void merge(const fs::path& changes, const fs::path& kept, const fs::path& trash) override {
    const Rights rights;
    trees_->merge(changes, kept, trash);
  }
  std::uint64_t diskBytes(const fs::path& path, std::stop_token stop) override {
    const Rights rights;
    return trees_->diskBytes(path, std::move(stop));
  }
  void giveTerminal(const base::Fd& terminal, sandbox::TreeOwner owner) override {
    const Rights rights;
    trees_->giveTerminal(terminal, owner);
  }
  void unpackLayer(const base::Fd& tar, const fs::path& folder) override {
    const Rights rights;
    trees_->unpackLayer(tar, folder);
  }

 private:
  std::unique_ptr<sandbox::ForeignTrees> trees_;
};

void giveToDaemon(const fs::path& path) {
  struct stat info {};
  require(::lstat(path.c_str(), &info) == 0, "lstat");
  if (info.st_uid == 0) require(::lchown(path.c_str(), kDaemon, kDaemon) == 0, "lchown");
}

}  // namespace

DaemonAccount::DaemonAccount() : real_(::geteuid() == 0) {
  if (real_)
    trees_ = std::make_unique<SupervisedTrees>();
  else
    trees_ = std::make_unique<test::OwnTrees>();
}

uid_t DaemonAccount::id() const noexcept {
  return real_ ? kDaemon : ::geteuid();
}

std::uint32_t DaemonAccount::hostId(std::uint32_t containerId) const noexcept {
  return real_ ? kContainers + containerId : ::geteuid();
}

void DaemonAccount::run(const TempFolder& folder, const std::function<void()>& work) const {
  if (!real_) return work();
  fs::permissions(folder.path(), fs::perms(0755));
  giveToDaemon(folder.path());
  for (const auto& entry : fs::recursive_directory_iterator(folder.path()))
    giveToDaemon(entry.path());
  onThread([&] {
    becomeUser(kDaemon);
    work();
  });
}

void DaemonAccount::asContainersUser(std::uint32_t containerId, const std::function<void()>& work) const {
  if (!real_) return work();
  becomeUser(kContainers + containerId);
  try {
    work();
  } catch (...) {
    becomeUser(kDaemon);
    throw;
  }
  becomeUser(kDaemon);
}

}  // namespace testing_support
