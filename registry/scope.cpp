#include "registry/scope.h"

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "store/model.h"

namespace registry {
namespace {

constexpr std::size_t kMaxBytes = 4096;

[[noreturn]] void refuse(std::string_view scope) {
  throw base::Error(base::Errc::invalidArgument,
                    "\"" + base::printable(scope) +
                        "\" is no scope: those are repository:NAME:pull,push,delete and registry:catalog:*");
}

bool isLowerOrDigit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/// "repository", "repository(plugin)".
bool isType(std::string_view text) {
  if (text.ends_with(')')) {
    const auto open = text.find('(');
    if (open == std::string_view::npos) return false;
    const std::string_view inner = text.substr(open + 1, text.size() - open - 2);
    if (inner.empty() || !std::all_of(inner.begin(), inner.end(), isLowerOrDigit)) return false;
    text = text.substr(0, open);
  }
  return !text.empty() && std::all_of(text.begin(), text.end(), isLowerOrDigit);
}

bool isName(std::string_view type, std::string_view text) {
  if (type == "repository") return store::RepositoryName::tryParse(text).has_value();
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return isLowerOrDigit(c) || (c >= 'A' && c <= 'Z') ||
           std::string_view("._-/:").find(c) != std::string_view::npos;
  });
}

bool isAction(std::string_view text) {
  return text == "*" || std::all_of(text.begin(), text.end(), [](char c) { return c >= 'a' && c <= 'z'; });
}

/// A name may have a ':' of its own: the first and the last one count.
Scope parseScope(std::string_view text) {
  const auto first = text.find(':');
  const auto last = text.rfind(':');
  if (first == last) refuse(text);  // also when there is none
  Scope scope{.type = std::string(text.substr(0, first)),
              .name = std::string(text.substr(first + 1, last - first - 1)),
              .actions = {}};
  if (!isType(scope.type) || !isName(scope.type, scope.name)) refuse(text);
  for (const std::string& action : base::split(text.substr(last + 1), ',')) {
    if (!isAction(action)) refuse(text);
    if (!action.empty() && !scope.has(action)) scope.actions.push_back(action);
  }
  return scope;
}

}  // namespace

std::string Scope::str() const {
  return type + ":" + name + ":" + base::join(actions, ",");
}

bool Scope::has(std::string_view action) const {
  return std::find(actions.begin(), actions.end(), action) != actions.end();
}

std::vector<Scope> parseScopes(std::string_view text) {
  if (text.size() > kMaxBytes)
    throw base::Error(base::Errc::invalidArgument,
                      "the scopes are longer than 4096 bytes together: ask for fewer at a time");
  std::vector<Scope> scopes;
  for (const std::string& word : base::split(text, ' ')) {
    if (word.empty()) continue;
    Scope scope = parseScope(word);
    const auto same = std::find_if(scopes.begin(), scopes.end(), [&](const Scope& each) {
      return each.type == scope.type && each.name == scope.name;
    });
    if (same == scopes.end()) {
      scopes.push_back(std::move(scope));
      continue;
    }
    for (std::string& action : scope.actions)
      if (!same->has(action)) same->actions.push_back(std::move(action));
  }
  return scopes;
}

std::string textOf(const std::vector<Scope>& scopes) {
  std::vector<std::string> words;
  words.reserve(scopes.size());
  for (const Scope& scope : scopes)
    words.push_back(scope.str());
  return base::join(words, " ");
}

}  // namespace registry
