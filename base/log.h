// The daemon's own log: one event per line, key=value.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace base {

/// One field of a log event; the value is quoted when it has spaces, and control characters are escaped.
struct LogField {
  LogField(std::string_view key, std::string_view value) : key(key), value(value) {}
  LogField(std::string_view key, const char* value) : key(key), value(value) {}
  LogField(std::string_view key, const std::string& value) : key(key), value(value) {}
  LogField(std::string_view key, long long value) : key(key), value(std::to_string(value)) {}
  LogField(std::string_view key, long value) : key(key), value(std::to_string(value)) {}
  LogField(std::string_view key, int value) : key(key), value(std::to_string(value)) {}
  LogField(std::string_view key, unsigned long value) : key(key), value(std::to_string(value)) {}
  std::string key;
  std::string value;
};

/// A named logger. Error = the operator must act; warn = degraded; info = a rare lifecycle fact; debug = per-module switch.
/// Never log config vars, keys, tokens or bodies. Cheap to copy, thread-safe.
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

/// Sends all loggers to stderr ("2026-01-31T12:00:00Z info store release created app=hello release=3"); level is error, warn, info or debug.
void configureLogging(std::string_view level);

}  // namespace base
