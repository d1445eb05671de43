#include "server/manual.h"

#include <algorithm>
#include <iostream>
#include <sstream>

#include "base/error.h"
#include "base/strings.h"
#include "base/version.h"
#include "server/config.h"

namespace server {
namespace {

using controller::CommandSpec;

/// Every setting is a flag of serve.
std::vector<std::string> serveOptions() {
  std::vector<std::string> options{"config=", "print-config"};
  for (const std::string& line : base::split(describeConfig(parseConfig({})), '\n')) {
    std::string key(base::trim(line.substr(0, line.find('='))));
    if (key.empty() || key[0] == '#') continue;
    std::replace(key.begin(), key.end(), '_', '-');
    if (key != "print-config") options.push_back(key + "=");
  }
  return options;
}

/// What is no command of a server's.
std::vector<CommandSpec> ownCommands() {
  const auto own = [](const char* name, const char* arguments, const char* help,
                      std::vector<std::string> options, const char* example) {
    return CommandSpec{.name = name,
                       .arguments = arguments,
                       .help = help,
                       .minArgs = 0,
                       .maxArgs = 0,
                       .options = std::move(options),
                       .run = {},
                       .example = example};
  };
  return {
      own("serve", "[--data DIR] [--config FILE] [--SETTING VALUE...]", "run the server", serveOptions(),
          "serve --data /var/lib/fairlead --domain apps.example.org"),
      own("restore", "FILE --data DIR", "make a new data folder out of a backup", {"data="},
          "restore /mnt/fairlead.backup --data /var/lib/fairlead"),
      own("completion", "bash|zsh|fish", "print the completion script of a shell", {},
          "completion bash > /etc/bash_completion.d/fairlead"),
      own("man", "", "print the manual page", {}, "man | man -l -"),
      own("help", "[COMMAND]", "list the commands, or explain one", {}, "help config:set"),
      own("init", "[NAME]", "make an app for this folder's git repository, and add the remote fairlead", {},
          "init hello"),
      own("run-slug", "URL|FILE TYPE", "run a process type of a slug on this machine, without a server",
          {"env=", "port=", "folder="}, "run-slug hello.tgz web --port 8000"),
      own("ssh-keys", "[--data DIR] TYPE KEY", "answer a system sshd's question whether a key is known",
          {"data="}, "ssh-keys ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIL5Z"),
      own("ssh-shell", "--key-fingerprint SHA256:...", "carry a system sshd's session to the server",
          {"data=", "key-fingerprint="}, "ssh-shell --key-fingerprint SHA256:nThbg6kXUpJWGl7E1IGOCspRomTx"),
      own("receive-pack", "DIR", "git's program of that name", {}, "receive-pack hello.git"),
      own("upload-pack", "DIR", "git's program of that name", {}, "upload-pack hello.git")};
}

bool takesValue(const std::string& option) {
  return option.back() == '=';
}
std::string longName(const std::string& option) {
  return takesValue(option) ? option.substr(0, option.size() - 1) : option;
}

std::vector<std::string> optionsOf(const CommandSpec& spec) {
  std::vector<std::string> options = spec.options;
  if (spec.run) options.insert(options.end(), {"app=", "json"});
  options.emplace_back("help");
  return options;
}

std::string namesOf(const std::vector<CommandSpec>& all) {
  std::vector<std::string> names;
  for (const CommandSpec& spec : all)
    names.push_back(spec.name);
  return base::join(names, " ");
}

/// bash takes ':' for the end of a word, so the words are cut anew from the line.
std::string bashScript() {
  const auto all = everyCommand();
  std::ostringstream text;
  text << "# bash completion for fairlead\n"
          "_fairlead() {\n"
          "  local line=${COMP_LINE:0:COMP_POINT} cur='' before='' command='' options='' word\n"
          "  local -a words\n"
          "  read -ra words <<<\"$line\"\n"
          "  [[ $line == *' ' ]] || { cur=${words[-1]}; unset 'words[-1]'; }\n"
          "  ((${#words[@]} > 1)) && before=${words[-1]}\n"
          "  for word in \"${words[@]:1}\"; do\n"
          "    if [[ $word == --data ]]; then command=-\n"
          "    elif [[ $command == - ]]; then command=''\n"
          "    elif [[ -z $command && $word != -* ]]; then command=$word; fi\n"
          "  done\n"
          "  case $command in\n";
  for (const CommandSpec& spec : all) {
    std::vector<std::string> options;
    for (const std::string& option : optionsOf(spec))
      options.push_back("--" + longName(option));
    text << "    " << spec.name << ") options='" << base::join(options, " ") << "' ;;\n";
  }
  text << "  esac\n"
          "  COMPREPLY=()\n"
          "  if [[ $before == -a || $before == --app ]]; then\n"
          "    options=$(fairlead apps 2>/dev/null | awk '{print $1}')\n"
          "  elif [[ -z $command ]]; then\n"
          "    options='"
       << namesOf(all)
       << "'\n"
          "  elif [[ $cur != -* ]]; then\n"
          "    return\n"
          "  fi\n"
          "  mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$cur\")\n"
          "  if [[ $cur == *:* && $COMP_WORDBREAKS == *:* ]]; then\n"
          "    COMPREPLY=(\"${COMPREPLY[@]#\"${cur%\"${cur##*:}\"}\"}\")\n"
          "  fi\n"
          "}\n"
          "complete -o default -F _fairlead fairlead\n";
  return text.str();
}

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size())
    text.replace(at, what.size(), by);
  return text;
}

std::string zshScript() {
  std::ostringstream text;
  text << "#compdef fairlead\n"
          "# zsh completion for fairlead\n"
          "_fairlead() {\n"
          "  local -a commands\n"
          "  local command=''\n"
          "  commands=(\n";
  for (const CommandSpec& spec : everyCommand())
    text << "    " << base::shellQuote(replaced(spec.name, ":", "\\:") + ":" + spec.help) << "\n";
  text << "  )\n"
          "  if [[ $words[2] == --data ]]; then\n"
          "    (( CURRENT == 3 )) && { _files -/; return }\n"
          "    words[2,3]=()\n"
          "    (( CURRENT -= 2 ))\n"
          "  fi\n"
          "  (( CURRENT > 2 )) && command=$words[2]\n"
          "  if (( CURRENT == 2 )); then\n"
          "    _describe -t commands 'command' commands\n"
          "    return\n"
          "  fi\n"
          "  case $command in\n";
  for (const CommandSpec& spec : everyCommand()) {
    text << "    " << spec.name << ")\n      _arguments";
    for (const std::string& option : optionsOf(spec)) {
      const std::string name = longName(option);
      if (name == "app")
        text
            << " '(-a --app)'{-a,--app}'[the app]:app:($(fairlead apps 2>/dev/null | awk \"{print \\$1}\"))'";
      else
        text << " '--" << name << (takesValue(option) ? "[]:" + name + ":" : std::string("[]")) << "'";
    }
    text << " '*:argument:_files'\n      ;;\n";
  }
  text << "  esac\n"
          "}\n"
          "# Found by its name, this file is the function's first call; read by .zshrc, it is not.\n"
          "if [[ $funcstack[1] == _fairlead ]]; then _fairlead \"$@\"; else compdef _fairlead fairlead; fi\n";
  return text.str();
}

/// In fish only \ and ' mean something between single quotes.
std::string fishQuote(const std::string& word) {
  return "'" + replaced(replaced(word, "\\", "\\\\"), "'", "\\'") + "'";
}

std::string fishScript() {
  std::ostringstream text;
  text << "# fish completion for fairlead\n"
          "complete -c fairlead -f\n";
  for (const CommandSpec& spec : everyCommand()) {
    text << "complete -c fairlead -n __fish_use_subcommand -a " << fishQuote(spec.name) << " -d "
         << fishQuote(spec.help) << "\n";
    const std::string when =
        "complete -c fairlead -n " + fishQuote("__fish_seen_subcommand_from " + spec.name);
    for (const std::string& option : optionsOf(spec)) {
      const std::string name = longName(option);
      text << when << (name == "app" ? " -s a" : "") << " -l " << name
           << (takesValue(option) ? (name == "app" ? " -x" : " -rF") : "")
           << (name == "app" ? " -a '(fairlead apps 2>/dev/null | awk \"{print \\$1}\")'" : "") << "\n";
    }
  }
  return text.str();
}

/// Text in roff: '-' is a minus sign there, '\' an escape, and a line that begins with '.' or ''' a request.
std::string roff(const std::string& text) {
  std::string out = replaced(replaced(text, "\\", "\\e"), "-", "\\-");
  if (!out.empty() && (out[0] == '.' || out[0] == '\'')) out.insert(0, "\\&");
  return replaced(replaced(out, "\n.", "\n\\&."), "\n'", "\n\\&'");
}

void describe(std::ostringstream& page, const CommandSpec& spec) {
  page << ".TP\n.B " << roff(spec.name) << "\n";
  if (!spec.arguments.empty()) page << ".I " << roff(spec.arguments) << "\n.br\n";
  page << roff(spec.help) << ".\n";
  std::vector<std::string> options;
  for (const std::string& option : spec.options)
    options.push_back("--" + longName(option) + (takesValue(option) ? " VALUE" : ""));
  if (!options.empty()) page << ".br\nOptions: " << roff(base::join(options, ", ")) << "\n";
  if (!spec.example.empty()) page << ".br\nExample: " << roff("fairlead " + spec.example) << "\n";
}

template <typename Body>
int printed(Body body) {
  try {
    std::cout << body() << std::flush;
    return 0;
  } catch (const base::Error& error) {
    std::cerr << "fairlead: " << error.what() << '\n';
    return 2;
  }
}

}  // namespace

std::vector<CommandSpec> everyCommand() {
  std::vector<CommandSpec> all = controller::allCommands();
  for (CommandSpec& own : ownCommands())
    all.push_back(std::move(own));
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return all;
}

std::string completionScript(const std::string& shell) {
  if (shell == "bash") return bashScript();
  if (shell == "zsh") return zshScript();
  if (shell == "fish") return fishScript();
  throw base::Error(base::Errc::invalidArgument,
                    "there is no completion for \"" + base::printable(shell) + "\": name bash, zsh or fish");
}

std::string manualPage() {
  std::ostringstream page;
  page
      << ".TH FAIRLEAD 1 \"\" \"Fairlead " << base::kVersion << "\" \"User Commands\"\n"
      << ".SH NAME\nfairlead \\- git push to deploy\n"
      << ".SH SYNOPSIS\n.B fairlead\n[\\fB\\-\\-data\\fR \\fIDIR\\fR] \\fICOMMAND\\fR [\\fIARGUMENTS\\fR] "
         "[\\fB\\-a\\fR \\fIAPP\\fR] [\\fB\\-\\-json\\fR]\n.br\n"
         ".B ssh\n\\-p 2222 git@\\fIHOST\\fR \\fICOMMAND\\fR ...\n"
      << ".SH DESCRIPTION\nFairlead takes a git push and guides it to running processes: buildpacks make a "
         "slug of "
         "it, with the config vars a release, an image and processes behind a router.\n"
         "The commands are served on the machine (over a socket in the data folder), over HTTP with a token, "
         "and "
         "over SSH with the key that pushes.\n"
         "A command that is about an app takes it from \\-a, or from the remote fairlead of the folder's git "
         "repository. With \\-\\-json it prints the objects of the API.\n"
      << ".SH COMMANDS\n";
  for (const CommandSpec& spec : everyCommand())
    describe(page, spec);
  page << ".SH ENVIRONMENT\n"
          ".TP\n.B FAIRLEAD_URL, FAIRLEAD_TOKEN\nthe server to ask (https://HOST or http://HOST:PORT), and "
          "the token (or a line of "
          "~/.netrc)\n"
          ".TP\n.B SSL_CERT_FILE, SSL_CERT_DIR\nthe authorities that a server's certificate is held against\n"
          ".TP\n.B FAIRLEAD_DATA\nthe data folder of the server on this machine\n"
       << ".SH FILES\n.TP\n.I /var/lib/fairlead\nthe data folder of a server that root runs\n"
       << ".SH EXIT STATUS\n0 done, 1 failed, 2 wrong usage, 130 interrupted.\n"
       << ".SH SEE ALSO\n.BR git (1),\n.BR ssh (1)\n";
  return page.str();
}

int completion(const std::vector<std::string>& args) {
  if (args.empty() || args[0] == "--help" || args.size() > 1) {
    std::cerr << "fairlead: which shell? usage: fairlead completion bash|zsh|fish\n";
    return 2;
  }
  return printed([&] { return completionScript(args[0]); });
}

int manual(const std::vector<std::string>&) {
  return printed([] { return manualPage(); });
}

}  // namespace server
