#include "controller/check_operations.h"

#include <utility>

#include "base/error.h"
#include "base/strings.h"
#include "controller/process_operations.h"

namespace controller {
namespace {

constexpr std::string_view kPrefix = "checks.";

std::string settingOf(const std::string& type) {
  return std::string(kPrefix) + type;
}

/// The engine has them from its next deployment, which starts nothing here.
void change(const CommandParts& parts, const store::App& app, const std::string& type,
            const std::vector<store::ProcessCheck>& checks) {
  SettingChanges changes{{settingOf(type), std::nullopt}};
  if (!checks.empty()) changes[settingOf(type)] = store::checksText({{type, checks}});
  parts.store.changeSettings(app.id, changes);
  if (parts.store.currentRelease(app.id).slug) parts.releases.reconcile(app);
}

}  // namespace

store::ProcessChecks ownChecks(const std::map<std::string, std::string>& settings) {
  store::ProcessChecks own;
  for (const auto& [name, value] : settings)
    if (name.starts_with(kPrefix)) own.merge(store::parseChecksText(value, name));
  return own;
}

store::ProcessChecks checksOf(const CommandParts& parts, const store::App& app) {
  const store::Release current = parts.store.currentRelease(app.id);
  const std::string given = current.slug ? parts.store.getSlug(*current.slug).checks : "";
  return store::mergeChecks(store::parseChecksText(given, "the slug's checks"),
                            ownChecks(parts.store.settings(app.id)));
}

void setCheck(const CommandParts& parts, const store::App& app, const std::string& type,
              const store::ProcessCheck& check) {
  const auto lease = parts.locks.lock(app.id);
  requireProcessType(parts, app, type);
  std::vector<store::ProcessCheck> checks = ownChecks(parts.store.settings(app.id))[type];
  std::erase_if(checks, [&](const store::ProcessCheck& each) { return each.kind == check.kind; });
  checks.push_back(check);
  change(parts, app, type, checks);
}

void unsetChecks(const CommandParts& parts, const store::App& app, const std::string& type,
                 std::optional<store::ProcessCheck::Kind> kind) {
  const auto lease = parts.locks.lock(app.id);
  std::vector<store::ProcessCheck> checks = ownChecks(parts.store.settings(app.id))[type];
  const std::size_t gone =
      std::erase_if(checks, [&](const store::ProcessCheck& each) { return !kind || each.kind == *kind; });
  if (gone == 0)
    throw base::Error(base::Errc::notFound,
                      "no " + (kind ? std::string(name(*kind)) + " " : "") + "check of " +
                          base::printable(type) + " was set: fairlead checks -a " + app.name.str() +
                          " lists them, and those of app.json are changed there");
  change(parts, app, type, checks);
}

}  // namespace controller
