#include "sandbox/detail/process_group.h"

#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <string>

#include "base/strings.h"
#include "sandbox/detail/read_or_empty.h"

namespace sandbox {
namespace {

namespace fs = std::filesystem;

std::string spaceOf(const std::string& pid) {
  std::error_code gone;
  return fs::read_symlink("/proc/" + pid + "/ns/pid", gone).string();
}

std::uint64_t numberAt(const std::vector<std::string>& fields, std::size_t index) {
  std::uint64_t number = 0;
  return index < fields.size() && base::parseNumber(fields[index], number) ? number : 0;
}

}  // namespace

std::vector<pid_t> processesBeside(const ProcessRef& init) {
  std::vector<pid_t> pids;
  if (!init.alive()) return pids;
  const std::string wanted = spaceOf(std::to_string(init.pid));
  std::error_code gone;
  for (fs::directory_iterator entry("/proc", gone), end; !gone && entry != end; entry.increment(gone)) {
    const std::string name = entry->path().filename().string();
    std::uint64_t pid = 0;
    if (base::parseNumber(name, pid) && !wanted.empty() && spaceOf(name) == wanted)
      pids.push_back(static_cast<pid_t>(pid));
  }
  return pids;
}

ContainerUsage usageOf(const std::vector<pid_t>& processes) {
  ContainerUsage usage;
  const auto pageBytes = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  const auto ticksPerS = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  std::uint64_t ticks = 0;
  for (const pid_t pid : processes) {
    const std::string folder = "/proc/" + std::to_string(pid);
    // proc_pid_statm(5): the second is what is in memory, the third what of it is shared with files.
    const auto memory = base::split(base::trim(readOrEmpty(folder + "/statm")), ' ');
    const std::uint64_t resident = numberAt(memory, 1);
    usage.memoryBytes += (resident - std::min(resident, numberAt(memory, 2))) * pageBytes;
    // proc_pid_stat(5): from field 3 on behind the name; 14 to 17 are user and system time, its own and that
    // of children it has waited for.
    const std::string stat = readOrEmpty(folder + "/stat");
    const auto bracket = stat.rfind(')');
    if (bracket == std::string::npos) continue;
    const auto fields = base::split(std::string_view(stat).substr(std::min(bracket + 2, stat.size())), ' ');
    constexpr std::size_t kFirstTime = 14 - 3;
    constexpr std::size_t kLastTime = 17 - 3;
    for (std::size_t field = kFirstTime; field <= kLastTime; ++field)
      ticks += numberAt(fields, field);
  }
  constexpr std::uint64_t kUsPerS = 1'000'000;
  usage.cpu = std::chrono::microseconds(ticks * kUsPerS / ticksPerS);
  usage.pids = static_cast<std::int64_t>(processes.size());
  return usage;
}

}  // namespace sandbox
