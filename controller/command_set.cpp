#include "controller/command_set.h"

#include <algorithm>
#include <variant>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "store/acting.h"

namespace controller {
namespace {

/// "app=" (takes a value), "json" (flag) or nullptr-like empty for an unknown one.
std::string findOption(const CommandSpec& spec, const std::string& name) {
  if (name == "app") return "app=";
  if (name == "json" || name == "help") return name;
  for (const std::string& option : spec.options)
    if (option == name || option == name + "=") return option;
  return "";
}

/// "-a", "--app", "--app=x": one that the command knows.
bool isOption(const CommandSpec& spec, const std::string& word) {
  if (shortOptions().contains(word)) return shortOptions().at(word) == "app";
  return word.starts_with("--") && !findOption(spec, word.substr(2, word.find('=') - 2)).empty();
}

struct Parsed {
  std::vector<std::string> args;
  std::map<std::string, std::string> options;
};

std::string usage(const CommandSpec& spec) {
  std::string text = "usage: fairlead " + spec.name;
  if (!spec.arguments.empty()) text += " " + spec.arguments;
  return text;
}

/// Options may stand anywhere before "--". The alternative is the sentence for a usage error.
std::variant<Parsed, std::string> parse(const CommandSpec& spec, const std::vector<std::string>& words) {
  Parsed parsed;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (word == "--") {
      parsed.args.insert(parsed.args.end(), words.begin() + static_cast<std::ptrdiff_t>(i) + 1, words.end());
      break;
    }
    if (word.size() < 2 || word[0] != '-') {
      parsed.args.push_back(word);
      continue;
    }
    if (spec.words == CommandSpec::Words::free && !parsed.args.empty() && !isOption(spec, word)) {
      parsed.args.push_back(word);
      continue;
    }
    std::string name = word;
    std::optional<std::string> value;
    if (const auto known = shortOptions().find(word); known != shortOptions().end())
      name = known->second;
    else if (word.rfind("--", 0) == 0)
      name = word.substr(2);
    else
      return spec.name + " has no option " + base::printable(word) + "; " + usage(spec);
    if (const auto equals = name.find('='); equals != std::string::npos) {
      value = name.substr(equals + 1);
      name.resize(equals);
    }
    const std::string option = findOption(spec, name);
    if (option.empty()) return spec.name + " has no option --" + base::printable(name) + "; " + usage(spec);
    if (option.back() != '=') {
      if (value) return "--" + name + " takes no value";
      parsed.options[name] = "";
      continue;
    }
    if (!value) {
      if (++i >= words.size()) return "--" + name + " needs a value";
      value = words[i];
    }
    parsed.options[name] = *value;
  }
  if (parsed.args.size() < spec.minArgs) return "something is missing; " + usage(spec);
  if (parsed.args.size() > spec.maxArgs)
    return "\"" + base::printable(parsed.args[spec.maxArgs]) + "\" is one word too many; " + usage(spec);
  return parsed;
}

void requireRight(const CommandSpec& spec, const Invocation& call) {
  if (!isAboutApp(spec.action)) return call.require(spec.action);
  const bool named = call.option("app") || !call.io.defaultApp.empty();
  if (!named && spec.withoutApp) return call.require(*spec.withoutApp);
  call.app();
}

}  // namespace

const std::map<std::string, std::string>& shortOptions() {
  static const std::map<std::string, std::string> options{{"-a", "app"},    {"-n", "num"},   {"-h", "help"},
                                                          {"-t", "tail"},   {"-p", "ps"},    {"-s", "source"},
                                                          {"-o", "output"}, {"-f", "follow"}};
  return options;
}

std::vector<CommandSpec> allCommands() {
  std::vector<CommandSpec> all;
  for (const auto& group :
       {appCommands(),     configCommands(),  domainCommands(),  drainCommands(),      runCommands(),
        featureCommands(), limitCommands(),   networkCommands(), buildpackCommands(),  releaseCommands(),
        publishCommands(), processCommands(), stackCommands(),   collectionCommands(), registryCommands(),
        cronCommands(),    checkCommands(),   scrubCommands(),   accountCommands(),    accessCommands(),
        backupCommands(),  volumeCommands(),  doctorCommands(),  serverCommands()})
    all.insert(all.end(), group.begin(), group.end());
  for (CommandSpec& spec : all)
    spec.example = exampleOf(spec.name);
  return all;
}

std::string helpOf(const CommandSpec& spec) {
  std::string text = usage(spec) + "\n\n  " + spec.help + "\n";
  if (isAboutApp(spec.action)) text += "  The app: -a APP, or that of the folder's git remote fairlead\n";
  std::vector<std::string> options;
  for (const std::string& option : spec.options) {
    const bool value = option.back() == '=';
    const std::string name = value ? option.substr(0, option.size() - 1) : option;
    std::string spelled = "--" + name + (value ? " VALUE" : "");
    for (const auto& [letter, longName] : shortOptions())
      if (longName == name) spelled = letter + ", " + spelled;
    options.push_back(spelled);
  }
  options.push_back("--json");
  text += "  Options: " + base::join(options, "; ") + "\n";
  if (!spec.example.empty()) text += "\nExample: fairlead " + spec.example + "\n";
  return text;
}

std::optional<std::string> Invocation::option(const std::string& name) const {
  const auto found = options.find(name);
  if (found == options.end()) return std::nullopt;
  return found->second;
}

store::App Invocation::app() const {
  const std::string name = option("app").value_or(io.defaultApp);
  if (name.empty())
    throw base::Error(
        base::Errc::invalidArgument,
        "which app? Name it with -a APP, or run this in a folder with a git remote named fairlead");
  return parts.access.app(caller, isAboutApp(action) ? action : Action::viewApp, name);
}

std::size_t Invocation::number(const std::string& name, std::size_t otherwise) const {
  const auto text = option(name);
  if (!text) return otherwise;
  std::uint64_t value = 0;
  if (!base::parseNumber(*text, value) || value > 100'000)
    throw base::Error(base::Errc::invalidArgument, "--" + name + " takes a whole number up to 100000");
  return value;
}

void Invocation::print(const base::JsonObject::Ptr& json, const std::string& text) const {
  print(flag("json") ? base::toJson(json) + "\n" : text);
}

void Invocation::print(const base::JsonArray::Ptr& json, const std::string& text) const {
  print(flag("json") ? base::toJson(json) + "\n" : text);
}

CommandSet::CommandSet(CommandParts parts) : parts_(std::move(parts)), specs_(allCommands()) {}

int CommandSet::unknown(CommandIo& io, const std::string& name) const {
  std::vector<std::string> names;
  for (const CommandSpec& each : specs_)
    names.push_back(each.name);
  const std::string near = base::nearest(name, names);
  io.err.write("fairlead: there is no command \"" + base::printable(name) + "\"" +
               (near.empty() ? ": see fairlead help" : ": did you mean " + near + "?") + "\n");
  return 2;
}

int CommandSet::helpJson(CommandIo& io) const {
  auto json = base::makeJsonArray();
  for (const CommandSpec& spec : specs_) {
    auto object = base::makeJsonObject();
    object->set("name", spec.name);
    object->set("arguments", spec.arguments);
    object->set("help", spec.help);
    object->set("example", "fairlead " + spec.example);
    json->add(object);
  }
  io.out.write(base::toJson(json) + "\n");
  return 0;
}

int CommandSet::help(CommandIo& io, const std::string& about) const {
  if (about == "--json") return helpJson(io);
  std::string text;
  for (const CommandSpec& spec : specs_) {
    if (spec.name == about) {
      io.out.write(helpOf(spec));
      return 0;
    }
    std::string left = spec.name + (spec.arguments.empty() ? "" : " " + spec.arguments);
    left.resize(std::max<std::size_t>(left.size() + 2, 46), ' ');
    text += "  " + left + spec.help + "\n";
  }
  if (!about.empty()) return unknown(io, about);
  text = "usage: fairlead COMMAND [-a APP] [--json]\n\n" + text +
         "\nOf one command: fairlead COMMAND --help\nPush: git push ssh://git@HOST:PORT/APP.git main\n";
  io.out.write(text);
  return 0;
}

int CommandSet::dispatch(const Caller& caller, const std::vector<std::string>& argv, CommandIo& io) {
  if (argv.empty() || argv[0] == "help" || argv[0] == "--help" || argv[0] == "-h") {
    if (argv.empty()) io.out.write("Hello " + caller.user + ", this is Fairlead.\n");
    return help(io, argv.size() > 1 ? argv[1] : "");
  }
  const auto spec = std::find_if(specs_.begin(), specs_.end(),
                                 [&](const CommandSpec& each) { return each.name == argv[0]; });
  if (spec == specs_.end()) return unknown(io, argv[0]);
  auto parsed = parse(*spec, {argv.begin() + 1, argv.end()});
  if (const auto* wrong = std::get_if<std::string>(&parsed)) {
    io.err.write("fairlead: " + *wrong + "\n");
    return 2;
  }
  auto& words = std::get<Parsed>(parsed);
  const Invocation invocation{parts_,      caller, io, std::move(words.args), std::move(words.options),
                              spec->action};
  if (invocation.flag("help")) return help(io, spec->name);
  requireRight(*spec, invocation);
  return spec->run(invocation);
}

int CommandSet::run(const Caller& caller, const std::vector<std::string>& argv, CommandIo io) {
  const store::ActingAs acting({caller.user, caller.via});
  try {
    return dispatch(caller, argv, io);
  } catch (const base::Error& error) {
    if (error.code() != base::Errc::cancelled) io.err.write(std::string("fairlead: ") + error.what() + "\n");
    return 1;
  } catch (const std::exception& error) {
    base::Log("controller")
        .error("command failed", {{"command", argv.empty() ? "" : argv[0]}, {"error", error.what()}});
    io.err.write("fairlead: something went wrong here; the server's log says what\n");
    return 1;
  }
}

}  // namespace controller
