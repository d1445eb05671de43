#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "cli/cli.h"
#include "git/receive_pack_program.h"
#include "git/upload_pack_program.h"
#include "server/serve.h"
#include "server/ssh_shell.h"

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  try {
    if (!args.empty() && args[0] == "receive-pack")
      return git::runReceivePack({args.begin() + 1, args.end()});
    if (!args.empty() && args[0] == "serve") return server::serve({args.begin() + 1, args.end()});
    if (!args.empty() && args[0] == "upload-pack") return git::runUploadPack({args.begin() + 1, args.end()});
    if (!args.empty() && args[0] == "ssh-shell") return server::sshShell({args.begin() + 1, args.end()});
    if (!args.empty() && args[0] == "ssh-keys") return server::sshKeys({args.begin() + 1, args.end()});
    return cli::run(args);
  } catch (const std::exception& error) {
    std::cerr << "fairlead: " << error.what() << '\n';
    return 1;
  }
}
