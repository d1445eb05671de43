#include "controller/process_operations.h"

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"

namespace controller {
namespace {

using base::Errc;
using base::Error;

constexpr int kMaxProcesses = 100;  // of one type

/// "2", "+1" or "-1".
int countAfter(const std::string& word, int before) {
  const bool relative = !word.empty() && (word[0] == '+' || word[0] == '-');
  std::uint64_t number = 0;
  if (!base::parseNumber(relative ? std::string_view(word).substr(1) : word, number))
    throw Error(Errc::invalidArgument,
                "\"" + base::printable(word) + "\" is no number of processes: use 2, +1 or -1");
  if (number > kMaxProcesses && word[0] != '-')
    throw Error(Errc::invalidArgument,
                "at most " + std::to_string(kMaxProcesses) + " processes of a type run on one machine");
  const int count = static_cast<int>(std::min<std::uint64_t>(number, kMaxProcesses));
  if (!relative) return count;
  return std::clamp(word[0] == '+' ? before + count : before - count, 0, kMaxProcesses);
}

void requireType(const std::string& type, const store::ProcessTypes& types) {
  if (types.contains(type)) return;
  std::vector<std::string> known;
  for (const auto& [name, command] : types)
    known.push_back(name);
  throw Error(Errc::notFound, "there is no process type \"" + base::printable(type) + "\": this app has " +
                                  base::join(known, ", "));
}

store::ProcessTypes currentTypes(const CommandParts& parts, const store::App& app, const std::string& then) {
  const store::Release current = parts.store.currentRelease(app.id);
  if (!current.slug) throw Error(Errc::conflict, "nothing is deployed yet: push first, then " + then);
  return parts.store.getSlug(*current.slug).processTypes;
}

void apply(const std::pair<std::string, std::string>& wish, const store::ProcessTypes& types,
           store::Formation& formation) {
  const auto& [type, count] = wish;
  if (type == kReleaseType)
    throw Error(Errc::invalidArgument, "release runs once with each release: it cannot be scaled");
  requireType(type, types);
  formation[type] = countAfter(count, formation[type]);
}

std::string describe(const store::Formation& formation) {
  std::string text;
  for (const auto& [type, count] : formation)
    text += (text.empty() ? "" : ", ") + type + " at " + std::to_string(count);
  return text;
}

}  // namespace

Scaled scaleApp(const CommandParts& parts, const store::App& app, const ScaleWish& wish,
                const std::string& user) {
  const auto lease = parts.locks.lock(app.id);
  const store::Formation before = parts.store.formation(app.id);
  const store::ProcessTypes types = currentTypes(parts, app, "scale");
  Scaled scaled{.result = runner::Launched{}, .formation = before};
  for (const auto& each : wish)
    apply(each, types, scaled.formation);
  parts.store.setFormation(app.id, scaled.formation);
  scaled.result = parts.releases.reconcile(app);
  if (std::holds_alternative<runner::LaunchFailed>(scaled.result))
    parts.store.setFormation(app.id, before);
  else
    parts.appLog.append(app.name, "api", "scaled to " + describe(scaled.formation) + " by " + user);
  return scaled;
}

runner::LaunchResult changeWithProcesses(const CommandParts& parts, const store::App& app,
                                         const SettingChanges& changes) {
  const auto before = parts.store.settings(app.id);
  parts.store.changeSettings(app.id, changes);
  if (!parts.store.currentRelease(app.id).slug) return runner::Launched{};
  const auto undo = [&] {
    SettingChanges back;
    for (const auto& [name, value] : changes) {
      const auto old = before.find(name);
      back[name] = old == before.end() ? std::nullopt : std::optional(old->second);
    }
    parts.store.changeSettings(app.id, back);
  };
  try {
    runner::LaunchResult result = parts.releases.reconcile(app);
    if (std::holds_alternative<runner::LaunchFailed>(result)) undo();
    return result;
  } catch (const std::exception&) {  // passed on
    undo();
    throw;
  }
}

runner::LaunchResult resizeApp(const CommandParts& parts, const store::App& app, const SizeWish& wish,
                               const std::string& user) {
  const auto lease = parts.locks.lock(app.id);
  const store::ProcessTypes types = currentTypes(parts, app, "set sizes");
  SettingChanges changes;
  std::vector<std::string> words;
  for (const auto& [type, size] : wish) {
    requireType(type, types);
    for (auto& [name, value] : parts.limits.sizeChanges(type, size))
      changes[name] = std::move(value);
    words.push_back(type + "=" + size);
  }
  runner::LaunchResult result = changeWithProcesses(parts, app, changes);
  if (std::holds_alternative<runner::Launched>(result))
    parts.appLog.append(app.name, "api", "sized " + base::join(words, " ") + " by " + user);
  return result;
}

void requireProcessType(const CommandParts& parts, const store::App& app, const std::string& type) {
  requireType(type, currentTypes(parts, app, "say how its processes are checked"));
}

runner::LaunchResult restartProcesses(const CommandParts& parts, const store::App& app,
                                      const std::string& processOrType) {
  const auto lease = parts.locks.lock(app.id);
  return parts.engine.restart(app.name, processOrType);
}

std::vector<FormationEntry> formationOf(const CommandParts& parts, const store::App& app) {
  std::vector<FormationEntry> entries;
  const store::ReleaseHead current = parts.store.currentHead(app.id);
  if (!current.release.slug) return entries;
  const store::Formation counts = parts.store.formation(app.id);
  for (const auto& [type, command] : parts.store.getSlug(*current.release.slug).processTypes) {
    if (type == kReleaseType) continue;
    const auto count = counts.find(type);
    entries.push_back({type, command, count == counts.end() ? 0 : count->second});
  }
  return entries;
}

void requireSize(const std::string& size) {
  if (size.empty() || size == kProcessSize) return;
  throw Error(Errc::invalidArgument, "there is no size " + base::printable(size) +
                                         ": every process has the same here, " + std::string(kProcessSize) +
                                         ", whose limits are the server's settings");
}

}  // namespace controller
