// Procfile reading: parseProcfile of builder/builder.h.
#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "builder/builder.h"
#include "builder/detail/procfile.h"

namespace builder {
namespace detail {
namespace {

bool isConflictMarker(std::string_view line) {
  return line.starts_with("<<<<<<<") || line.starts_with(">>>>>>>") || line.starts_with("=======");
}

/// What is wrong with a type in words, or "".
std::string faultOf(std::string_view type, std::string_view command) {
  const std::string shown = base::printable(type);
  if (!isProcessType(type))
    return "names the process type '" + shown + "'; use letters, digits, - and _, at most 63";
  if (isReservedType(type)) return reservedFault(type);
  if (command.empty()) return "gives no command for " + shown;
  if (command.find('\0') != command.npos) return "has a NUL byte";
  return "";
}

/// The line's fault in words, or "" after it was added.
std::string addLine(std::string_view line, store::ProcessTypes& types) {
  if (isConflictMarker(line)) return "has a merge conflict marker";
  const auto colon = line.find(':');
  if (colon == line.npos) return "is not of the form TYPE: COMMAND";
  const auto type = base::trim(line.substr(0, colon));
  const auto command = base::trim(line.substr(colon + 1));
  const std::string fault = faultOf(type, command);
  if (!fault.empty()) return fault;
  if (!types.emplace(std::string(type), std::string(command)).second)
    return "declares " + base::printable(type) + " again";
  return "";
}

}  // namespace

bool isProcessType(std::string_view name) noexcept {
  constexpr std::size_t kMaxLength = 63;  // a DNS label's
  return !name.empty() && name.size() <= kMaxLength && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

bool isReservedType(std::string_view name) noexcept {
  return name == "run" || name == "cron";
}

std::string reservedFault(std::string_view type) {
  const std::string name(type);
  return "names the process type '" + name + "', but " + name + ".1 is what a process of fairlead " +
         (name == "run" ? "run" : "cron, from app.json,") + " is called: choose another name";
}

std::variant<store::ProcessTypes, ProcfileError> readProcfile(std::string_view text) {
  if (text.size() > kProcfileMaxBytes) return ProcfileError{"the Procfile is larger than 64 KiB"};
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  store::ProcessTypes types;
  int number = 0;
  for (const auto& whole : base::split(text, '\n')) {
    ++number;
    const auto line = base::trim(whole);
    if (line.empty() || line.starts_with('#')) continue;
    const std::string fault = addLine(line, types);
    if (!fault.empty()) return ProcfileError{"Procfile line " + std::to_string(number) + " " + fault};
  }
  return types;
}

}  // namespace detail

store::ProcessTypes parseProcfile(std::string_view text) {
  auto result = detail::readProcfile(text);
  if (const auto* error = std::get_if<detail::ProcfileError>(&result)) {
    throw base::Error(base::Errc::invalidArgument, error->message);
  }
  return std::get<store::ProcessTypes>(std::move(result));
}

void checkProcessTypes(const store::ProcessTypes& types) {
  const auto refuse = [](const std::string& why) {
    throw base::Error(base::Errc::invalidArgument, "\"process_types\" " + why);
  };
  std::size_t bytes = 0;
  for (const auto& [type, command] : types) {
    if (const std::string fault = detail::faultOf(type, base::trim(command)); !fault.empty()) refuse(fault);
    if (command.find_first_of("\r\n") != command.npos)
      refuse("has a line break in the command of " + type + ": make it one line");
    bytes += type.size() + command.size();
  }
  if (bytes > detail::kProcfileMaxBytes) refuse("is larger than 64 KiB");
}

}  // namespace builder
