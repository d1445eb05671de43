#include <exception>
#include <functional>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "cli/cli.h"
#include "git/receive_pack_program.h"
#include "git/upload_pack_program.h"
#include "server/confined.h"
#include "server/doctor.h"
#include "server/manual.h"
#include "server/restore.h"
#include "server/rootless.h"
#include "server/run_slug.h"
#include "server/serve.h"
#include "server/ssh_shell.h"
#include "server/supervised.h"

namespace {

using Words = std::vector<std::string>;

/// What this program does by itself; all else is a server's.
const std::map<std::string, std::function<int(const Words&)>>& ownPrograms() {
  static const std::map<std::string, std::function<int(const Words&)>> programs{
      {"completion", server::completion},
      {"confined", server::confined},
      {"doctor", server::doctor},
      {"man", server::manual},
      {"receive-pack", git::runReceivePack},
      {"restore", server::restore},
      {"rootless-door", server::rootlessDoor},  // of serve without root
      {"run-slug", server::runSlug},
      {"serve", server::serve},
      {"ssh-keys", server::sshKeys},
      {"ssh-shell", server::sshShell},
      {"supervisor", server::supervisor},     // of serve
      {"try-rootless", server::tryRootless},  // of doctor
      {"unpack-layer", server::unpackLayer},  // of supervisor
      {"upload-pack", git::runUploadPack},
  };
  return programs;
}

/// "--data DIR restore FILE" is "restore FILE --data DIR".
Words dataBehind(const Words& args) {
  if (args.size() < 3 || args[0] != "--data" || (args[2] != "restore" && args[2] != "doctor")) return args;
  Words words(args.begin() + 2, args.end());
  words.insert(words.end(), {"--data", args[1]});
  return words;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const Words args = dataBehind(Words(argv + 1, argv + argc));
    const auto own = args.empty() ? ownPrograms().end() : ownPrograms().find(args[0]);
    if (own != ownPrograms().end()) return own->second({args.begin() + 1, args.end()});
    return cli::run(args);
  } catch (const std::exception& error) {
    std::cerr << "fairlead: " << error.what() << '\n';
    return 1;
  }
}
