#include "git/detail/work_tree.h"

#include "base/atomic_file.h"
#include "base/child_process.h"
#include "base/fd.h"
#include "base/strings.h"
#include "git/detail/hooks.h"
#include "git/ref_store.h"

namespace git::detail {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kEmptyTreeSha1 = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
constexpr std::string_view kEmptyTreeSha256 =
    "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321";

struct Step {
  std::vector<std::string> arguments;
  const char* failure;
};

}  // namespace

std::vector<CheckedOut> checkedOutBranches(const Repository& repository) {
  std::vector<CheckedOut> found;
  const auto add = [&](const fs::path& gitDir, const fs::path& folder) {
    const RefStore refs(Repository{gitDir, repository.commonDir, std::nullopt, repository.format});
    std::string target = refs.head().target;
    if (!target.empty()) found.push_back({std::move(target), folder, gitDir});
  };
  add(repository.gitDir, repository.workTree.value_or(fs::path()));
  std::error_code failure;
  for (const auto& entry : fs::directory_iterator(repository.commonDir / "worktrees", failure)) {
    if (!fs::exists(entry.path() / "HEAD", failure) || !fs::exists(entry.path() / "gitdir", failure))
      continue;
    const fs::path link = std::string(base::trim(base::readFile(entry.path() / "gitdir", 8192)));
    add(entry.path(), link.parent_path());
  }
  return found;
}

std::optional<std::string> checkOutCommit(const WorkTreePlace& place, const ObjectId& commit, bool born,
                                          Wire& wire) {
  const auto program = base::findProgram("git");
  if (!program) return "updating a work tree needs git on this machine";
  const std::string_view empty = commit.format() == ObjectFormat::sha1 ? kEmptyTreeSha1 : kEmptyTreeSha256;
  const std::vector<Step> steps = {
      {{"update-index", "-q", "--ignore-submodules", "--refresh"}, "Up-to-date check failed"},
      {{"diff-files", "--quiet", "--ignore-submodules", "--"}, "Working directory has unstaged changes"},
      {{"diff-index", "--quiet", "--cached", "--ignore-submodules", born ? "HEAD" : std::string(empty), "--"},
       "Working directory has staged changes"},
      {{"read-tree", "-u", "-m", commit.hex()}, "Could not update working tree to new HEAD"},
  };
  for (const Step& step : steps) {
    const HookCall call{
        .program = *program,
        .arguments = step.arguments,
        .environment = {"GIT_DIR=" + place.gitDir.string(), "GIT_WORK_TREE=" + place.folder.string()},
        .folder = place.folder};
    if (!runHook(call, wire).ok()) return step.failure;
  }
  return std::nullopt;
}

void updateServerInfo(const Repository& repository) {
  const RefStore refs(repository);
  std::string text;
  for (const Ref& ref : refs.list()) {
    text.append(ref.id.hex()).append("\t").append(ref.name).append("\n");
  }
  std::string packs;
  std::error_code failure;
  for (const auto& entry : fs::directory_iterator(repository.objects() / "pack", failure)) {
    if (entry.path().extension() == ".pack") packs += "P " + entry.path().filename().string() + "\n";
  }
  fs::create_directories(repository.commonDir / "info", failure);
  base::writeFileAtomically(repository.commonDir / "info" / "refs", text);
  base::writeFileAtomically(repository.objects() / "info" / "packs", packs + "\n");
}

}  // namespace git::detail
