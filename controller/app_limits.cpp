#include "controller/app_limits.h"

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

#include "base/error.h"
#include "base/size.h"
#include "base/strings.h"

namespace controller {
namespace {

using base::Errc;
using base::Error;

constexpr std::uint64_t kMillis = 1000;
/// A year of seconds, a million of things: beyond them it is a slip.
constexpr std::uint64_t kMaxSeconds = 365ull * 86'400;
constexpr std::uint64_t kMaxCount = 100'000'000;
constexpr std::uint64_t kMaxCpus = 4096 * kMillis;
/// Less than this starts no shell.
constexpr std::uint64_t kLeastBytes = 1u << 20;

std::optional<std::uint64_t> parseMillis(const std::string& text) {
  constexpr std::size_t kDigits = 3;
  const auto dot = text.find('.');
  std::string fraction = dot == std::string::npos ? "" : text.substr(dot + 1);
  if (fraction.size() > kDigits || (dot != std::string::npos && fraction.empty())) return std::nullopt;
  fraction.resize(kDigits, '0');
  std::uint64_t whole = 0, millis = 0;
  if (!base::parseNumber(text.substr(0, dot), whole) || !base::parseNumber(fraction, millis) ||
      whole > kMaxCpus)
    return std::nullopt;
  return whole * kMillis + millis;
}

std::optional<std::string> ownValue(const std::map<std::string, std::string>& settings,
                                    const std::string& name) {
  const auto own = settings.find(name);
  return own == settings.end() ? std::nullopt : std::optional(own->second);
}

/// Under which an app's settings hold the limit of a process type.
std::string sizeSetting(const AppLimit& limit, const std::string& type) {
  return std::string(limit.name) + "." + type;
}

struct Kind {
  const char* wanted;
  std::uint64_t least;
  std::uint64_t most;
};

Kind kindOf(const AppLimit& limit) {
  switch (limit.unit) {
    case AppLimit::Unit::bytes:
      return {"a size like 512M or 2G", kLeastBytes, 1ull << 60};
    case AppLimit::Unit::seconds:
      return {"a whole number of seconds", 1, kMaxSeconds};
    case AppLimit::Unit::cpus:
      return {"a number of processors like 2 or 0.5", 10, kMaxCpus};
    case AppLimit::Unit::count:
      break;
  }
  return {"a whole number", 1, kMaxCount};
}

const AppLimit* findLimit(std::span<const AppLimit> limits, const std::string& name) {
  const auto found =
      std::find_if(limits.begin(), limits.end(), [&](const AppLimit& each) { return each.name == name; });
  return found == limits.end() ? nullptr : &*found;
}

}  // namespace

const AppLimit& appLimit(const std::string& name) {
  if (const AppLimit* found = findLimit(kAppLimits, name)) return *found;
  if (const AppLimit* found = findLimit(kProcessLimits, name)) return *found;
  std::vector<std::string> names;
  for (const AppLimit& each : kAppLimits)
    names.emplace_back(each.name);
  for (const AppLimit& each : kProcessLimits)
    names.emplace_back(each.name);
  const std::string near = base::nearest(name, names);
  throw Error(Errc::invalidArgument,
              "there is no limit \"" + base::printable(name) + "\"" +
                  (near.empty() ? ": list them with fairlead limits" : ": did you mean " + near + "?"));
}

const AppLimit& buildLimit(const std::string& name) {
  if (findLimit(kProcessLimits, name) != nullptr)
    throw Error(Errc::invalidArgument,
                name + " is set for each process type: fairlead ps:type web=512M,0.5cpu,256pids,1Gdisk");
  return appLimit(name);
}

std::uint64_t parseLimit(const AppLimit& limit, const std::string& text) {
  std::optional<std::uint64_t> value;
  std::uint64_t number = 0;
  if (limit.unit == AppLimit::Unit::bytes) {
    value = base::parseSize(text);
  } else if (limit.unit == AppLimit::Unit::cpus) {
    value = parseMillis(text);
  } else if (base::parseNumber(text, number)) {
    value = number;
  }
  const Kind kind = kindOf(limit);
  if (value == 0u && limit.zeroIsNone) return 0;
  if (!value || *value > kind.most)
    throw Error(Errc::invalidArgument, std::string(limit.name) + " takes " + kind.wanted + ", not \"" +
                                           base::printable(text) + "\"");
  if (*value < kind.least)
    throw Error(Errc::invalidArgument, std::string(limit.name) + " must be at least " +
                                           showLimit(limit, kind.least) + ", not " + base::printable(text));
  return *value;
}

std::string showLimit(const AppLimit& limit, std::uint64_t value) {
  if (limit.unit == AppLimit::Unit::bytes) return base::exactSize(value);
  if (limit.unit != AppLimit::Unit::cpus) return std::to_string(value);
  std::string text = std::to_string(value / kMillis);
  if (value % kMillis == 0) return text;
  std::string fraction = std::to_string(kMillis + value % kMillis).substr(1);
  fraction.erase(fraction.find_last_not_of('0') + 1);
  return text + "." + fraction;
}

LimitValues parseLimits(const std::string& text) {
  LimitValues values;
  std::string words = text;
  std::replace(words.begin(), words.end(), ',', ' ');
  for (const std::string& word : base::split(words, ' ')) {
    if (word.empty()) continue;
    const auto equals = word.find('=');
    if (equals == std::string::npos)
      throw Error(Errc::invalidArgument, "\"" + base::printable(word) + "\" is not NAME=VALUE");
    const AppLimit& limit = appLimit(word.substr(0, equals));
    values[std::string(limit.name)] = parseLimit(limit, word.substr(equals + 1));
  }
  return values;
}

AppLimits::AppLimits(LimitValues defaults, LimitValues maxima, store::CronLimits cron)
    : defaults_(std::move(defaults)), maxima_(std::move(maxima)), cron_(cron) {
  for (const AppLimit& limit : kAppLimits)
    CHECK(defaults_.contains(std::string(limit.name)));
  for (const AppLimit& limit : kProcessLimits)
    CHECK(defaults_.contains(std::string(limit.name)));
}

std::uint64_t AppLimits::maximum(const AppLimit& limit) const {
  const auto found = maxima_.find(std::string(limit.name));
  return found == maxima_.end() ? standard(limit) : found->second;
}

std::string AppLimits::accept(const AppLimit& limit, const std::string& text) const {
  const std::uint64_t value = parseLimit(limit, text);
  const std::uint64_t most = maximum(limit);
  if (most != 0 && (value == 0 || value > most))
    throw Error(Errc::invalidArgument, std::string(limit.name) + " can be at most " + showLimit(limit, most) +
                                           " on this server: its operator can allow more with the setting "
                                           "app_limits_max");
  return showLimit(limit, value);
}

std::uint64_t AppLimits::effective(const AppLimit& limit,
                                   const std::map<std::string, std::string>& settings) const {
  return effective(limit, ownValue(settings, std::string(limit.name)));
}

std::uint64_t AppLimits::effective(const AppLimit& limit, const std::optional<std::string>& own) const {
  if (!own) return standard(limit);
  const std::uint64_t value = parseLimit(limit, *own);
  const std::uint64_t most = maximum(limit);
  return most != 0 && (value == 0 || value > most) ? most : value;
}

SettingChanges AppLimits::sizeChanges(const std::string& type, const std::string& text) const {
  SettingChanges changes;
  if (text == "default") {
    for (const AppLimit& limit : kProcessLimits)
      changes[sizeSetting(limit, type)] = std::nullopt;
    return changes;
  }
  for (const std::string& item : base::split(text, ',')) {
    const std::size_t unit = item.find_first_not_of("0123456789.");
    const std::string suffix = unit == std::string::npos ? "" : item.substr(unit);
    const auto [name, cut] = [&]() -> std::pair<const char*, std::size_t> {
      if (suffix == "cpu" || suffix == "cpus") return {"process_cpus", suffix.size()};
      if (suffix == "pid" || suffix == "pids") return {"process_pids", suffix.size()};
      if (suffix.ends_with("disk")) return {"process_disk_bytes", 4};
      return {"process_memory_bytes", 0};
    }();
    const AppLimit& limit = appLimit(name);
    const std::string value = item.substr(0, item.size() - cut);
    const bool isSize = limit.unit == AppLimit::Unit::bytes;
    if (item.empty() || (isSize && !base::parseSize(value)))
      throw Error(Errc::invalidArgument, "\"" + base::printable(text) +
                                             "\" is no size of processes: write 512M, or "
                                             "512M,0.5cpu,256pids,1Gdisk, or default");
    if (!changes.emplace(sizeSetting(limit, type), accept(limit, value)).second)
      throw Error(Errc::invalidArgument, "\"" + base::printable(text) + "\" says one limit twice");
  }
  return changes;
}

runner::ProcessSize AppLimits::sizeOf(const std::map<std::string, std::string>& settings,
                                      const std::string& type) const {
  const auto of = [&](const char* name) {
    const AppLimit& limit = appLimit(name);
    return effective(limit, ownValue(settings, sizeSetting(limit, type)));
  };
  return {.memoryBytes = of("process_memory_bytes"),
          .cpus = static_cast<double>(of("process_cpus")) / static_cast<double>(kMillis),
          .pids = static_cast<std::int64_t>(of("process_pids")),
          .diskBytes = of("process_disk_bytes")};
}

std::map<std::string, runner::ProcessSize> AppLimits::ownSizes(
    const std::map<std::string, std::string>& settings, const store::ProcessTypes& types) const {
  std::map<std::string, runner::ProcessSize> sizes;
  for (const auto& [type, command] : types)
    for (const AppLimit& limit : kProcessLimits)
      if (settings.contains(sizeSetting(limit, type))) sizes[type] = sizeOf(settings, type);
  return sizes;
}

builder::BuildLimits AppLimits::ofBuild(const std::map<std::string, std::string>& settings) const {
  const auto of = [&](const char* name) { return effective(appLimit(name), settings); };
  return {.timeout = std::chrono::seconds(of("build_timeout_s")),
          .idleTimeout = std::chrono::seconds(of("build_idle_timeout_s")),
          .memoryBytes = of("build_memory_bytes"),
          .pids = static_cast<std::int64_t>(of("build_pids")),
          .cpus = static_cast<double>(of("build_cpus")) / static_cast<double>(kMillis),
          .diskBytes = of("build_disk_bytes"),
          .slugBytes = of("slug_max_bytes"),
          .slugExpandedBytes = of("slug_max_expanded_bytes"),
          .slugFiles = of("slug_max_files")};
}

std::uint64_t AppLimits::logBytes(const std::map<std::string, std::string>& settings) const {
  return effective(appLimit("build_log_max_bytes"), settings);
}

}  // namespace controller
