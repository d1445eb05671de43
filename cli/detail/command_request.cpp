#include "cli/detail/command_request.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"
#include "cli/detail/git_remote.h"
#include "cli/detail/input_relay.h"

namespace cli::detail {
namespace {

namespace fs = std::filesystem;
using base::Errc;
using base::Error;

constexpr std::size_t kKeyMaxBytes = 64u << 10;

/// JSON cannot carry other bytes, and replacing them silently would store another value than the one typed.
void requireUtf8(const std::string& text, const std::string& what) {
  const auto echoed = base::parseJsonObject("{\"text\":" + base::jsonQuote(text) + "}", what, 16u << 20);
  if (base::jsonString(echoed, "text") != text)
    throw Error(Errc::invalidArgument, what + " is not UTF-8 text");
}

/// The argument after the command that names a file: the first that is neither an option nor an option's
/// value.
std::vector<std::string>::iterator findOperand(std::vector<std::string>& argv) {
  auto at = argv.begin() + 1;
  while (at != argv.end()) {
    if (*at == "-a" || *at == "--app" || *at == "--user" || *at == "--scope") {
      ++at;
      if (at != argv.end()) ++at;
    } else if (at->size() > 1 && at->front() == '-') {
      ++at;
    } else {
      return at;
    }
  }
  return at;
}

fs::path defaultKey(const Surroundings& surroundings) {
  constexpr std::array<std::string_view, 3> kNames = {"id_ed25519.pub", "id_ecdsa.pub", "id_rsa.pub"};
  for (const auto name : kNames) {
    const fs::path file = surroundings.home() / ".ssh" / name;
    if (fs::is_regular_file(file)) return file;
  }
  throw Error(Errc::notFound,
              "there is no public key in ~/.ssh; make one with ssh-keygen -t ed25519, or give a file: "
              "fairlead keys:add FILE.pub");
}

std::string publicKeyText(std::string text, const std::string& what) {
  if (text.find("PRIVATE KEY") != std::string::npos) {
    throw Error(Errc::invalidArgument,
                what + " is a private key and was not sent; give the public one, which ends in .pub");
  }
  requireUtf8(text, what);
  return text;
}

void attachKey(const Surroundings& surroundings, CommandRequest& request) {
  const auto operand = findOperand(request.argv);
  if (operand == request.argv.end()) {
    const fs::path file = defaultKey(surroundings);
    request.input = publicKeyText(base::readFile(file, kKeyMaxBytes), file.string());
    request.argv.emplace_back("-");
  } else if (*operand == "-") {
    request.input = publicKeyText(surroundings.readInput(kKeyMaxBytes), "the input");
  } else if (operand->find(' ') == std::string::npos) {  // with a space it is the key itself
    const fs::path file = surroundings.currentFolder / *operand;
    request.input = publicKeyText(base::readFile(file, kKeyMaxBytes), *operand);
    *operand = "-";
  }
}

/// A .env file is read here: the server sees none of ours.
void attachEnvFile(const Surroundings& surroundings, CommandRequest& request) {
  constexpr std::size_t kMaxBytes = 1u << 20;
  const auto operand = findOperand(request.argv);
  if (operand == request.argv.end()) return;
  request.input = *operand == "-" ? surroundings.readInput(kMaxBytes)
                                  : base::readFile(surroundings.currentFolder / *operand, kMaxBytes);
  requireUtf8(*request.input, *operand == "-" ? "the input" : *operand);
  *operand = "-";
}

bool wantsHelp(const std::vector<std::string>& argv) {
  return std::find(argv.begin(), argv.end(), "--help") != argv.end();
}

}  // namespace

CommandRequest makeRequest(const Surroundings& surroundings, const std::vector<std::string>& argv) {
  CommandRequest request;
  request.argv = argv;
  request.terminal = surroundings.terminal;
  for (std::size_t i = 0; i < argv.size(); ++i)
    requireUtf8(argv[i], "argument " + std::to_string(i + 1));
  if (!argv.empty() && argv[0] == "keys:add") attachKey(surroundings, request);
  if (!argv.empty() && argv[0] == "config:import" && !wantsHelp(argv)) attachEnvFile(surroundings, request);
  if (!argv.empty() && argv[0] == "registries:add" && !wantsHelp(argv))
    request.input = surroundings.readSecret("Password: ");
  if (!argv.empty() && (argv[0] == "run" || argv[0] == "ps:exec") && surroundings.inputFd >= 0 &&
      !wantsHelp(argv) && std::find(argv.begin(), argv.end(), "--detached") == argv.end())
    request.talk = CommandRequest::Talk{terminalOf(surroundings), surroundings.variable("TERM")};
  request.app = appOfFolder(surroundings.currentFolder);
  return request;
}

std::string toBody(const CommandRequest& request) {
  auto argv = base::makeJsonArray();
  for (const auto& word : request.argv)
    argv->add(word);
  auto body = base::makeJsonObject();
  body->set("argv", argv);
  if (request.input) body->set("stdin", *request.input);
  if (request.app) body->set("app", *request.app);
  body->set("terminal", request.terminal);
  if (request.talk) {
    auto talk = base::makeJsonObject();
    if (request.talk->size) {
      talk->set("columns", request.talk->size->columns);
      talk->set("rows", request.talk->size->rows);
      talk->set("type", request.talk->type);
    }
    body->set("talk", talk);
  }
  return base::toJson(body);
}

}  // namespace cli::detail
