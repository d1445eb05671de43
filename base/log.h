// The daemon's own log: one event per line, key=value.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace base {

/// One field of a log event; the value is quoted when it has spaces, and control characters are escaped.
struct LogField {
  LogField(std::string_view name, std::string_view text) : key(name), value(text) {}
  LogField(std::string_view name, const char* text) : key(name), value(text) {}
  LogField(std::string_view name, const std::string& text) : key(name), value(text) {}
  LogField(std::string_view name, long long number) : key(name), value(std::to_string(number)) {}
  LogField(std::string_view name, long number) : key(name), value(std::to_string(number)) {}
  LogField(std::string_view name, int number) : key(name), value(std::to_string(number)) {}
  LogField(std::string_view name, unsigned number) : key(name), value(std::to_string(number)) {}
  LogField(std::string_view name, unsigned long long number) : key(name), value(std::to_string(number)) {}
  LogField(std::string_view name, unsigned long number) : key(name), value(std::to_string(number)) {}
  std::string key;
  std::string value;
};

/// A named logger. Error = the operator must act; warn = degraded; info = a rare lifecycle fact; debug =
/// per-module switch. Never log config vars, keys, tokens or bodies. Cheap to copy, thread-safe.
class Log {
 public:
  explicit Log(std::string module) : module_(std::move(module)) {}
  void error(std::string_view event, std::initializer_list<LogField> fields = {}) const;
  void warn(std::string_view event, std::initializer_list<LogField> fields = {}) const;
  void info(std::string_view event, std::initializer_list<LogField> fields = {}) const;
  void debug(std::string_view event, std::initializer_list<LogField> fields = {}) const;

 private:
  std::string module_;
};

/// Sends all loggers to stderr ("2026-01-31T12:00:00Z info store release created app=hello release=3"); level
/// is error, warn, info or debug, anything else is invalidArgument. Before the first call nothing is written.
/// Not while other threads log.
void configureLogging(std::string_view level);

}  // namespace base
