#include "store/cron_entry.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/strings.h"
#include "store/cron_schedule.h"

namespace store {
namespace {

using base::JsonArray;
using base::JsonObject;
using Poco::Dynamic::Var;

constexpr std::array kMembers{"schedule", "command", "overlap", "timeout"};
constexpr std::size_t kMaxCommand = 4096;
constexpr std::size_t kMaxKept = 4u << 20;
constexpr std::uint64_t kMaxTimeoutS = 365ull * 24 * 3600;

[[noreturn]] void refuse(const std::string& what, const std::string& fault) {
  throw base::Error(base::Errc::invalidArgument, what + ": " + fault);
}

std::string textAt(const JsonObject::Ptr& object, const char* member, const std::string& what) {
  const Var value = object->get(member);
  if (value.isEmpty()) refuse(what, "it has no \"" + std::string(member) + "\"");
  if (!value.isString()) refuse(what, "its " + std::string(member) + " is not a text");
  return value.extract<std::string>();
}

std::string commandOf(const JsonObject::Ptr& object, const std::string& what) {
  const std::string command(base::trim(textAt(object, "command", what)));
  if (command.empty()) refuse(what, "its command is empty");
  if (command.size() > kMaxCommand)
    refuse(what, "its command is longer than " + std::to_string(kMaxCommand) + " bytes");
  if (std::any_of(command.begin(), command.end(), [](char c) { return static_cast<unsigned char>(c) < ' '; }))
    refuse(what, "its command has a control character: it is one line for the shell");
  return command;
}

CronEntry entryOf(const Var& value, const std::string& what) {
  if (value.type() != typeid(JsonObject::Ptr)) refuse(what, "it is not an object with a schedule and a command");
  const auto object = value.extract<JsonObject::Ptr>();
  for (const std::string& member : object->getNames())
    if (std::find(kMembers.begin(), kMembers.end(), member) == kMembers.end())
      refuse(what, "\"" + base::printable(member) + "\" is none of schedule, command, overlap and timeout");
  CronEntry entry;
  try {
    entry.schedule = CronSchedule::parse(textAt(object, "schedule", what)).text();
  } catch (base::Error& error) {
    if (std::string_view(error.what()).starts_with(what)) throw;
    throw error.addContext(what);
  }
  entry.command = commandOf(object, what);
  if (const Var overlap = object->get("overlap"); !overlap.isEmpty()) {
    if (!overlap.isBoolean()) refuse(what, "its overlap is neither true nor false");
    entry.overlap = overlap.convert<bool>();
  }
  if (const Var timeout = object->get("timeout"); !timeout.isEmpty()) {
    // As text, for a number that no integer holds cannot be compared with one.
    std::uint64_t seconds = 0;
    if (!timeout.isInteger() || !base::parseNumber(timeout.toString(), seconds) || seconds == 0 ||
        seconds > kMaxTimeoutS)
      refuse(what, "its timeout is not a whole number of seconds from 1 on");
    entry.timeout = std::chrono::seconds(seconds);
  }
  return entry;
}

std::string nameOf(const std::string& what, std::size_t index) {
  return what + "[" + std::to_string(index) + "]";
}

}  // namespace

std::vector<CronEntry> parseCron(const JsonArray::Ptr& list, const std::string& what) {
  std::vector<CronEntry> entries;
  for (std::size_t i = 0; i < list->size(); ++i) {
    CronEntry entry = entryOf(list->get(static_cast<unsigned>(i)), nameOf(what, i));
    for (std::size_t other = 0; other < entries.size(); ++other)
      if (entries[other].schedule == entry.schedule && entries[other].command == entry.command)
        refuse(nameOf(what, i), "it has the schedule and the command of " + nameOf("cron", other));
    entries.push_back(std::move(entry));
  }
  return entries;
}

void requireCronWithin(const CronLimits& limits, const std::vector<CronEntry>& entries, const std::string& what) {
  if (entries.size() > limits.maxEntries)
    refuse(nameOf(what, static_cast<std::size_t>(limits.maxEntries)),
           "it is one of " + std::to_string(entries.size()) + ", more than the setting cron_max allows (" +
               std::to_string(limits.maxEntries) + ")");
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto gap = CronSchedule::parse(entries[i].schedule).shortestGap();
    if (static_cast<std::uint64_t>(std::chrono::seconds(gap).count()) < limits.minIntervalS)
      refuse(nameOf(what, i), "the schedule \"" + entries[i].schedule + "\" comes every " +
                                  std::to_string(std::chrono::seconds(gap).count()) +
                                  " s, more often than the setting cron_min_interval_s allows (" +
                                  std::to_string(limits.minIntervalS) + ")");
    if (static_cast<std::uint64_t>(entries[i].timeout.count()) > limits.timeoutS)
      refuse(nameOf(what, i), "its timeout of " + std::to_string(entries[i].timeout.count()) +
                                  " s is more than the setting cron_timeout_s allows (" +
                                  std::to_string(limits.timeoutS) + ")");
  }
}

JsonObject::Ptr cronJson(const CronEntry& entry) {
  auto json = base::makeJsonObject();
  json->set("schedule", entry.schedule);
  json->set("command", entry.command);
  if (entry.overlap) json->set("overlap", true);
  if (entry.timeout.count() > 0) json->set("timeout", entry.timeout.count());
  return json;
}

std::string cronText(const std::vector<CronEntry>& entries) {
  if (entries.empty()) return "";
  auto list = base::makeJsonArray();
  for (const CronEntry& entry : entries)
    list->add(cronJson(entry));
  auto object = base::makeJsonObject();
  object->set("cron", list);
  return base::toJson(object);
}

std::vector<CronEntry> parseCronText(std::string_view text, const std::string& what) {
  if (text.empty()) return {};
  const auto object = base::parseJsonObject(text, what, kMaxKept);
  const auto list = object->getArray("cron");
  return list ? parseCron(list, what) : std::vector<CronEntry>();
}

}  // namespace store
