#include "store/process_check.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/strings.h"

namespace store {
namespace {

using base::JsonArray;
using base::JsonObject;
using Kind = ProcessCheck::Kind;
using Means = ProcessCheck::Means;
using Poco::Dynamic::Var;

constexpr std::array kKinds{Kind::startup, Kind::readiness, Kind::liveness};
constexpr std::uint64_t kMaxSeconds = 86'400;
constexpr std::uint64_t kMaxTimeout = 300;
constexpr std::uint64_t kMaxAttempts = 1000;
constexpr std::size_t kMaxText = 4096;

/// Reads one check; `what_` is how messages call it: "healthchecks.web[0]".
class Reader {
 public:
  Reader(JsonObject::Ptr object, std::string what) : object_(std::move(object)), what_(std::move(what)) {}

  ProcessCheck read() {
    ProcessCheck check;
    check.kind = kind();
    check.name = text("name");
    check.path = text("path");
    check.content = text("content");
    check.command = command();
    readHeaders(check);
    readStatus(check);
    check.uptime = std::chrono::seconds(number("uptime", 0, kMaxSeconds, 0));
    check.initialDelay = std::chrono::seconds(number("initialDelay", 0, kMaxSeconds, 0));
    check.wait = std::chrono::seconds(number("wait", 1, kMaxSeconds, 5));
    check.timeout = std::chrono::seconds(number("timeout", 1, kMaxTimeout, 5));
    check.attempts = static_cast<int>(number("attempts", 1, kMaxAttempts, 3));
    if (const std::string scheme = text("scheme"); !scheme.empty() && scheme != "http")
      refuse("scheme", "\"http\": processes here are spoken to without TLS");
    check.means = means(check);
    return check;
  }

 private:
  [[noreturn]] void refuse(const std::string& member, const std::string& wanted) const {
    throw base::Error(base::Errc::invalidArgument, what_ + "." + member + " is not " + wanted);
  }

  std::string text(const std::string& member) const {
    const Var value = object_->get(member);
    if (value.isEmpty()) return "";
    if (!value.isString()) refuse(member, "a text");
    std::string text = value.extract<std::string>();
    if (text.size() > kMaxText) refuse(member, "at most " + std::to_string(kMaxText) + " bytes long");
    if (std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < ' '; }))
      refuse(member, "free of control characters");
    return text;
  }

  std::uint64_t number(const std::string& member, std::uint64_t least, std::uint64_t most,
                       std::uint64_t otherwise) const {
    const Var value = object_->get(member);
    if (value.isEmpty()) return otherwise;
    // As text, for a number that no integer holds cannot be compared with one.
    std::uint64_t number = 0;
    if (!value.isInteger() || !base::parseNumber(value.toString(), number) || number < least || number > most)
      refuse(member, "a whole number from " + std::to_string(least) + " to " + std::to_string(most));
    return number;
  }

  Kind kind() const {
    const std::string wanted = text("type");
    if (wanted.empty()) return Kind::startup;
    for (const Kind kind : kKinds)
      if (name(kind) == wanted) return kind;
    refuse("type", "startup, readiness or liveness");
  }

  std::vector<std::string> command() const {
    const Var value = object_->get("command");
    if (value.isEmpty()) return {};
    std::vector<std::string> words;
    if (value.isString()) {
      const std::string line = text("command");
      if (base::trim(line).empty()) refuse("command", "a command");
      return {"sh", "-c", line};
    }
    if (value.type() != typeid(JsonArray::Ptr)) refuse("command", "a text or a list of words");
    const auto list = value.extract<JsonArray::Ptr>();
    constexpr std::size_t kMaxWords = 100;
    for (std::size_t i = 0; i < std::min<std::size_t>(list->size(), kMaxWords + 1); ++i) {
      const Var word = list->get(static_cast<unsigned>(i));
      if (!word.isString() || word.extract<std::string>().find('\0') != std::string::npos)
        refuse("command", "a text or a list of words");
      words.push_back(word.extract<std::string>());
    }
    if (words.empty() || words.size() > kMaxWords || words.front().empty())
      refuse("command", "a text or a list of 1 to 100 words");
    return words;
  }

  void readHeaders(ProcessCheck& check) const {
    const Var value = object_->get("httpHeaders");
    if (value.isEmpty()) return;
    if (value.type() != typeid(JsonArray::Ptr)) refuse("httpHeaders", "a list");
    const auto list = value.extract<JsonArray::Ptr>();
    constexpr std::size_t kMaxHeaders = 50;
    if (list->size() > kMaxHeaders) refuse("httpHeaders", "a list of at most 50");
    for (std::size_t i = 0; i < list->size(); ++i) {
      const std::string what = "httpHeaders[" + std::to_string(i) + "]";
      if (list->get(static_cast<unsigned>(i)).type() != typeid(JsonObject::Ptr))
        refuse(what, "an object with \"name\" and \"value\"");
      const Reader header(list->getObject(static_cast<unsigned>(i)), what_ + "." + what);
      const std::string name = header.text("name");
      // A token. (RFC 9110 section 5.6.2.)
      if (name.empty() || name.find_first_of(" \t\"(),/:;<=>?@[\\]{}") != std::string::npos ||
          std::any_of(name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) > '~'; }))
        header.refuse("name", "the name of a header");
      check.headers[name] = header.text("value");
    }
  }

  void readStatus(ProcessCheck& check) const {
    const Var value = object_->get("status");
    if (value.isEmpty()) return;
    const std::string range = value.isInteger() ? value.toString() : text("status");
    const auto dash = range.find('-');
    std::uint64_t from = 0, to = 0;
    constexpr std::uint64_t kFirst = 100, kLast = 599;
    if (!base::parseNumber(range.substr(0, dash), from) ||
        !base::parseNumber(dash == std::string::npos ? range : range.substr(dash + 1), to) || from < kFirst ||
        to > kLast || from > to)
      refuse("status", "a status or a range of them, like 200 or 200-399");
    check.statusFrom = static_cast<int>(from);
    check.statusTo = static_cast<int>(to);
  }

  Means means(ProcessCheck& check) const {
    const Var listening = object_->get("listening");
    if (!listening.isEmpty() && !listening.isBoolean()) refuse("listening", "true or false");
    const Var none = object_->get("none");
    if (!none.isEmpty() && !none.isBoolean()) refuse("none", "true or false");
    std::vector<Means> asked;
    if (!check.path.empty()) asked.push_back(Means::http);
    if (!check.command.empty()) asked.push_back(Means::command);
    if (check.uptime.count() > 0) asked.push_back(Means::uptime);
    if (!listening.isEmpty() && listening.extract<bool>()) asked.push_back(Means::port);
    if (!none.isEmpty() && none.extract<bool>()) asked.push_back(Means::none);
    if (asked.size() > 1)
      throw base::Error(base::Errc::invalidArgument,
                        what_ + " asks several things: write one check for each of path, command, listening "
                                "and uptime");
    if (asked.empty()) asked.push_back(Means::port);
    if (asked.front() == Means::http && check.path.front() != '/')
      refuse("path", "a path that begins with /");
    if (asked.front() == Means::http && check.path.find(' ') != std::string::npos)
      refuse("path", "a path without blanks");
    if (asked.front() == Means::uptime && check.kind != Kind::startup)
      throw base::Error(base::Errc::invalidArgument,
                        what_ + ": uptime is for checks of the type startup");
    return asked.front();
  }

  JsonObject::Ptr object_;
  std::string what_;
};

JsonObject::Ptr toJson(const ProcessCheck& check) {
  auto json = base::makeJsonObject();
  json->set("type", std::string(name(check.kind)));
  if (!check.name.empty()) json->set("name", check.name);
  if (!check.path.empty()) json->set("path", check.path);
  if (!check.headers.empty()) {
    auto headers = base::makeJsonArray();
    for (const auto& [name, value] : check.headers) {
      auto header = base::makeJsonObject();
      header->set("name", name);
      header->set("value", value);
      headers->add(header);
    }
    json->set("httpHeaders", headers);
  }
  if (check.means == Means::http)
    json->set("status", std::to_string(check.statusFrom) + "-" + std::to_string(check.statusTo));
  if (!check.content.empty()) json->set("content", check.content);
  if (!check.command.empty()) {
    auto words = base::makeJsonArray();
    for (const std::string& word : check.command)
      words->add(word);
    json->set("command", words);
  }
  if (check.means == Means::port) json->set("listening", true);
  if (check.means == Means::uptime) json->set("uptime", check.uptime.count());
  if (check.means == Means::none) json->set("none", true);
  json->set("initialDelay", check.initialDelay.count());
  json->set("wait", check.wait.count());
  json->set("timeout", check.timeout.count());
  json->set("attempts", check.attempts);
  return json;
}

}  // namespace

std::string_view name(Kind kind) noexcept {
  switch (kind) {
    case Kind::startup:
      return "startup";
    case Kind::readiness:
      return "readiness";
    case Kind::liveness:
      break;
  }
  return "liveness";
}

std::string ProcessCheck::describe() const {
  switch (means) {
    case Means::http:
      return "GET " + path;
    case Means::command: {
      const bool isShell = command.size() == 3 && command[0] == "sh" && command[1] == "-c";
      return "the command " + (isShell ? command[2] : base::join(command, " "));
    }
    case Means::uptime:
      return std::to_string(uptime.count()) + " s of running";
    case Means::none:
      return "nothing";
    case Means::port:
      break;
  }
  return "an open port";
}

ProcessChecks parseChecks(const JsonObject::Ptr& object, const std::string& what) {
  ProcessChecks checks;
  for (const auto& type : object->getNames()) {
    const Var value = object->get(type);
    if (value.isEmpty()) continue;
    const std::string name = what + "." + base::printable(type);
    if (value.type() != typeid(JsonArray::Ptr))
      throw base::Error(base::Errc::invalidArgument, name + " is not a list: write it between [ and ]");
    const auto list = value.extract<JsonArray::Ptr>();
    if (list->size() > kMaxChecks)
      throw base::Error(base::Errc::invalidArgument,
                        name + " has more than " + std::to_string(kMaxChecks) + " checks");
    for (std::size_t i = 0; i < list->size(); ++i) {
      const std::string item = name + "[" + std::to_string(i) + "]";
      if (list->get(static_cast<unsigned>(i)).type() != typeid(JsonObject::Ptr))
        throw base::Error(base::Errc::invalidArgument, item + " is not an object");
      checks[type].push_back(Reader(list->getObject(static_cast<unsigned>(i)), item).read());
    }
  }
  return checks;
}

JsonObject::Ptr checksJson(const ProcessChecks& checks) {
  auto object = base::makeJsonObject();
  for (const auto& [type, list] : checks) {
    auto array = base::makeJsonArray();
    for (const ProcessCheck& check : list)
      array->add(toJson(check));
    object->set(type, array);
  }
  return object;
}

ProcessChecks parseChecksText(std::string_view json, const std::string& what) {
  if (json.empty()) return {};
  return parseChecks(base::parseJsonObject(json, what), what);
}

std::string checksText(const ProcessChecks& checks) {
  return checks.empty() ? "" : base::toJson(checksJson(checks));
}

ProcessChecks mergeChecks(const ProcessChecks& given, const ProcessChecks& own) {
  ProcessChecks merged = given;
  for (const auto& [type, list] : own) {
    std::set<Kind> replaced;
    for (const ProcessCheck& check : list)
      replaced.insert(check.kind);
    std::vector<ProcessCheck>& into = merged[type];
    std::erase_if(into, [&](const ProcessCheck& check) { return replaced.contains(check.kind); });
    into.insert(into.end(), list.begin(), list.end());
  }
  return merged;
}

}  // namespace store
