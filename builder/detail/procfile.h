// Procfile text to process types, without exceptions: a bad Procfile is the app's failure, not the
// platform's.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "store/model.h"

namespace builder::detail {

/// One sentence with the line's number.
struct ProcfileError {
  std::string message;
};

/// At most kProcfileMaxBytes. The grammar is in builder.h at parseProcfile().
std::variant<store::ProcessTypes, ProcfileError> readProcfile(std::string_view text);
constexpr std::size_t kProcfileMaxBytes = 64 * 1024;

/// [A-Za-z0-9_-]{1,63}
bool isProcessType(std::string_view name) noexcept;
/// One-off processes and those of cron are called so, in ps and in the log.
bool isReservedType(std::string_view name) noexcept;
/// The second half of the sentence that refuses such a type.
std::string reservedFault(std::string_view type);

}  // namespace builder::detail
