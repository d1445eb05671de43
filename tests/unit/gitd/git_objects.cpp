#include "tests/unit/gitd/git_objects.h"

#include <git2.h>

#include <stdexcept>

#include "base/c_handle.h"

namespace gitd::testing {

std::string writeObject(const std::filesystem::path& repository, const std::string& type,
                        const std::string& bytes) {
  git_libgit2_init();  // counts; never shut down
  const auto odb = base::acquire<base::CHandle<git_odb, &git_odb_free>>(
      [&](git_odb** out) { return git_odb_open(out, (repository / "objects").c_str()); },
      [](int, git_odb*) { throw std::runtime_error("cannot open the objects"); });
  git_oid id;
  if (git_odb_write(&id, odb.get(), bytes.data(), bytes.size(), git_object_string2type(type.c_str())) != 0) {
    throw std::runtime_error("cannot write an object");
  }
  char hex[GIT_OID_HEXSZ + 1];
  return git_oid_tostr(hex, sizeof hex, &id);
}

std::string writeBlob(const std::filesystem::path& repository, const std::string& bytes) {
  return writeObject(repository, "blob", bytes);
}

std::string treeBytes(const std::vector<Entry>& entries) {
  std::string bytes;
  for (const Entry& entry : entries) {
    git_oid id;
    git_oid_fromstr(&id, entry.id.c_str());
    bytes.append(entry.mode)
        .append(" ")
        .append(entry.name)
        .append(1, '\0')
        .append(reinterpret_cast<const char*>(id.id), 20);
  }
  return bytes;
}

std::string writeTree(const std::filesystem::path& repository, const std::vector<Entry>& entries) {
  return writeObject(repository, "tree", treeBytes(entries));
}

std::string writeCommit(const std::filesystem::path& repository, const std::string& tree,
                        const std::string& parent) {
  std::string text = "tree " + tree + "\n";
  if (!parent.empty()) text += "parent " + parent + "\n";
  return writeObject(
      repository, "commit",
      text + "author A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\n  A subject\x07 line\n\nbody\n");
}

}  // namespace gitd::testing
