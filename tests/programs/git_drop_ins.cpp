// PROGRAM WORDS...: runs one of the programs that stand in for git's, without the rest of the product.
#include <iostream>
#include <string>
#include <vector>

#include "git/receive_pack_program.h"
#include "git/upload_pack_program.h"

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (!words.empty() && words[0] == "receive-pack")
    return git::runReceivePack({words.begin() + 1, words.end()});
  if (!words.empty() && words[0] == "upload-pack")
    return git::runUploadPack({words.begin() + 1, words.end()});
  std::cerr << "usage: git_drop_ins receive-pack|upload-pack WORDS...\n";
  return 2;
}
