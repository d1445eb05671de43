// export_bench REPOSITORY COMMIT FOLDER: writes the commit's tree into the new folder as a build gets it.
#include <cstdio>
#include <exception>
#include <filesystem>

#include "git/commit.h"
#include "git/export_tree.h"
#include "git/object_database.h"

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: export_bench REPOSITORY COMMIT FOLDER\n", stderr);
    return 2;
  }
  try {
    const std::filesystem::path folder = argv[3];
    std::filesystem::create_directory(folder);
    const git::ObjectDatabase objects(
        {.objects = std::filesystem::path(argv[1]) / "objects", .quarantine = {}});
    const auto commit = git::ObjectId::parse(git::ObjectFormat::sha1, argv[2]).value();
    git::exportTree(objects, git::treeOf(objects, commit), folder, {});
    return 0;
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "export_bench: %s\n", failure.what());
    return 1;
  }
}
