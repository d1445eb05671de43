// How a process is asked whether it is well: values, and their JSON in app.json's form.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace store {

/// One question to a process, and how often it is asked.
struct ProcessCheck {
  /// Until it is well for the first time; whether requests go to it; whether it is replaced.
  enum class Kind { startup, readiness, liveness };
  /// The port accepts connections; an answer to GET; a command in its container ends with 0; it runs so long;
  /// nothing is asked.
  enum class Means { port, http, command, uptime, none };

  Kind kind = Kind::startup;
  Means means = Means::port;
  std::string name;                            ///< for people; may be empty
  std::string path;                            ///< of http: "/health"
  std::map<std::string, std::string> headers;  ///< of http; Host too
  int statusFrom = 200;                        ///< of http: the answers that are good, to statusTo
  int statusTo = 399;
  std::string content;                         ///< of http: in the first 64 KiB of the body; empty: any
  std::vector<std::string> command;            ///< of command: words
  std::chrono::seconds uptime{0};              ///< of uptime
  std::chrono::seconds initialDelay{0};        ///< before the first time
  std::chrono::seconds wait{5};                ///< between two
  std::chrono::seconds timeout{5};             ///< for an answer
  int attempts = 3;                            ///< that fail one after the other before it counts
  auto operator<=>(const ProcessCheck&) const = default;
  /// "GET /health", "the command bin/check", "port", "10 s of running".
  std::string describe() const;
};
std::string_view name(ProcessCheck::Kind kind) noexcept;

/// By process type.
using ProcessChecks = std::map<std::string, std::vector<ProcessCheck>>;

/// Most checks that a process type may have.
inline constexpr std::size_t kMaxChecks = 10;

/// As app.json's "healthchecks" has them: for each process type a list of objects with type, name, path,
/// httpHeaders ([{"name", "value"}]), status ("200-399", or a number), content, command (words, or a text for
/// the shell), listening, uptime, initialDelay, wait, timeout, attempts. Unknown members are skipped. Throws
/// invalidArgument, its sentence beginning with `what`.
ProcessChecks parseChecks(const base::JsonObject::Ptr& object, const std::string& what);
/// As parseChecks() reads them.
base::JsonObject::Ptr checksJson(const ProcessChecks& checks);
/// The same as text; "" and no checks are one.
ProcessChecks parseChecksText(std::string_view json, const std::string& what);
std::string checksText(const ProcessChecks& checks);

/// `own` in place of those of the same type and kind in `given`.
ProcessChecks mergeChecks(const ProcessChecks& given, const ProcessChecks& own);

}  // namespace store
