// PROGRAM WORDS...: runs one of the programs that stand in for git's.
#include <iostream>
#include <string>
#include <vector>

#include "git/upload_pack_program.h"

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (!words.empty() && words[0] == "upload-pack")
    return git::runUploadPack({words.begin() + 1, words.end()});
  std::cerr << "usage: git_drop_ins upload-pack DIR\n";
  return 2;
}
