// export_bench REPOSITORY COMMIT FOLDER OWNER: writes the commit's tree into the new folder as a build gets
// it, owned by the uid and gid OWNER.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>

#include "git/commit.h"
#include "git/export_tree.h"
#include "git/object_database.h"

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fputs("usage: export_bench REPOSITORY COMMIT FOLDER OWNER\n", stderr);
    return 2;
  }
  try {
    const std::filesystem::path folder = argv[3];
    const auto owner = static_cast<std::uint32_t>(std::atoi(argv[4]));
    std::filesystem::create_directory(folder);
    if (::chown(folder.c_str(), owner, owner) != 0) return 1;
    const git::ObjectDatabase objects(
        {.objects = std::filesystem::path(argv[1]) / "objects", .quarantine = {}});
    const auto commit = git::ObjectId::parse(git::ObjectFormat::sha1, argv[2]).value();
    git::exportTree(objects, git::treeOf(objects, commit), folder, {.uid = owner, .gid = owner});
    return 0;
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "export_bench: %s\n", failure.what());
    return 1;
  }
}
