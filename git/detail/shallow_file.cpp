#include "git/detail/shallow_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <set>
#include <thread>
#include <unordered_set>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/strings.h"
#include "git/commit.h"

namespace git::detail {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxBytes = 64u << 20;
constexpr auto kPatience = std::chrono::seconds(1);

}  // namespace

std::vector<ObjectId> readShallowFile(const fs::path& commonDir, ObjectFormat format) {
  const fs::path file = commonDir / "shallow";
  std::error_code failure;
  std::vector<ObjectId> ids;
  if (!fs::is_regular_file(file, failure)) return ids;
  for (const std::string& line : base::split(base::readFile(file, kMaxBytes), '\n')) {
    if (line.empty()) continue;
    const auto id = ObjectId::parse(format, line);
    if (!id) throw base::Error(base::Errc::corrupt, "the repository's file shallow is damaged");
    ids.push_back(*id);
  }
  return ids;
}

void addToShallowFile(const fs::path& commonDir, const std::vector<ObjectId>& commits) {
  const fs::path file = commonDir / "shallow";
  const fs::path lock = commonDir / "shallow.lock";
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  base::Fd fd;
  while (true) {
    fd = base::Fd(::open(lock.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    if (fd.valid()) break;
    if (errno != EEXIST) base::throwErrno(errno, "writing the file shallow");
    if (std::chrono::steady_clock::now() >= deadline)
      throw base::Error(base::Errc::conflict, "another shallow push is under way: try again");
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  try {
    const auto known = readShallowFile(commonDir, commits.front().format());
    std::set<ObjectId> all(known.begin(), known.end());
    all.insert(commits.begin(), commits.end());
    std::string text;
    for (const ObjectId& id : all)
      text.append(id.hex()).append("\n");
    base::writeAll(fd, text);
    base::fsyncOrThrow(fd, "writing the file shallow");
    if (::rename(lock.c_str(), file.c_str()) != 0) base::throwErrno(errno, "writing the file shallow");
  } catch (...) {
    ::unlink(lock.c_str());
    throw;
  }
  base::fsyncFolder(commonDir);
}

ShallowPush findShallow(Push& push, const ShallowRules& rules, const std::vector<ObjectId>& shallow) {
  std::unordered_set<ObjectId> candidates;
  for (const ObjectId& id : shallow) {
    if (rules.isOld(id) || !push.objects->contains(id)) continue;
    const auto parents = commitParents(*push.objects, id);
    if (!std::all_of(parents.begin(), parents.end(), rules.isThere)) candidates.insert(id);
  }
  ShallowPush found;
  if (candidates.empty()) return found;
  std::unordered_set<ObjectId> reached;
  for (PushCommand& command : push.commands) {
    if (!command.isLeft() || command.isDelete()) continue;
    bool cut = false;
    std::unordered_set<ObjectId> seen;
    std::vector<ObjectId> left{peelTag(*push.objects, command.newId).value_or(command.newId)};
    while (!left.empty()) {
      const ObjectId at = left.back();
      left.pop_back();
      if (rules.isOld(at) || !seen.insert(at).second) continue;
      if (candidates.contains(at)) {
        reached.insert(at);
        cut = true;
        continue;
      }
      for (const ObjectId& parent : commitParents(*push.objects, at))
        left.push_back(parent);
    }
    if (cut) found.commands.push_back(&command);
  }
  found.boundary.assign(reached.begin(), reached.end());
  return found;
}

}  // namespace git::detail
