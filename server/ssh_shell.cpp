#include "server/ssh_shell.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <optional>

#include "base/error.h"
#include "base/strings.h"
#include "controller/data_folder.h"
#include "gitd/shell_client.h"
#include "gitd/ssh_server.h"
#include "server/config.h"

namespace server {
namespace {

struct Words {
  std::filesystem::path data;
  std::string fingerprint;
  std::optional<std::string> command;
  std::vector<std::string> rest;
};

Words parse(const std::vector<std::string>& args, std::string_view usage) {
  Words words;
  words.data = parseConfig({}).data;
  for (std::size_t i = 0; i < args.size(); ++i) {
    if (!args[i].starts_with("-")) {
      words.rest.push_back(args[i]);
      continue;
    }
    if (i + 1 == args.size()) throw base::Error(base::Errc::invalidArgument, std::string(usage));
    const std::string& value = args[i + 1];
    if (args[i] == "--data")
      words.data = std::filesystem::absolute(value);
    else if (args[i] == "--key-fingerprint")
      words.fingerprint = value;
    else if (args[i] == "-c")
      words.command = value;
    else
      throw base::Error(base::Errc::invalidArgument, std::string(usage));
    ++i;
  }
  return words;
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

/// SSH_CONNECTION is "CLIENT PORT SERVER PORT".
std::string peerOf(const std::string& connection) {
  const auto words = base::split(connection, ' ');
  return words.size() < 2 ? "sshd" : words[0] + ":" + words[1];
}

/// For a value between double quotes in authorized_keys.
std::string quoted(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  return "\"" + out + "\"";
}

/// Runs a body whose errors are one line and a status.
template <typename Body>
int reported(Body body) {
  try {
    return body();
  } catch (const base::Error& error) {
    std::cerr << "fairlead: " << error.what() << '\n';
    return error.code() == base::Errc::invalidArgument ? 2 : 1;
  }
}

}  // namespace

int sshShell(const std::vector<std::string>& args) {
  return reported([&] {
    const Words words =
        parse(args, "usage: fairlead ssh-shell --key-fingerprint SHA256:... [--data DIR] [-c COMMAND]");
    if (words.fingerprint.empty() || !words.rest.empty())
      throw base::Error(base::Errc::invalidArgument,
                        "ssh-shell is run by sshd for a key: see fairlead ssh-keys");
    return gitd::relayShell(controller::DataFolder(words.data).gitSocket(),
                            {.fingerprint = words.fingerprint,
                             .commandLine = words.command.value_or(environment("SSH_ORIGINAL_COMMAND")),
                             .gitProtocol = environment("GIT_PROTOCOL"),
                             .peer = peerOf(environment("SSH_CONNECTION"))});
  });
}

int sshKeys(const std::vector<std::string>& args) {
  return reported([&] {
    const Words words = parse(args, "usage: fairlead ssh-keys [--data DIR] TYPE KEY");
    if (words.rest.size() != 2)
      throw base::Error(base::Errc::invalidArgument, "usage: fairlead ssh-keys [--data DIR] TYPE KEY");
    const gitd::PublicKey key = gitd::parsePublicKey(words.rest[0] + " " + words.rest[1]);
    if (!gitd::isKeyKnown(controller::DataFolder(words.data).gitSocket(), key.fingerprint)) return 0;
    const std::string program = std::filesystem::read_symlink("/proc/self/exe").string();
    const std::string command = base::shellQuote(program) + " ssh-shell --data " +
                                base::shellQuote(words.data.string()) + " --key-fingerprint " +
                                key.fingerprint;
    std::cout << "restrict,command=" << quoted(command) << " " << key.canonical << "\n";
    return 0;
  });
}

}  // namespace server
