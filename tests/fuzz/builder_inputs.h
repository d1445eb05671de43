// What an app's tree and a stranger's buildpack say to the builder, as functions over bytes: for the fuzzers,
// and for the replay of their corpus as a unit test.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "base/error.h"
#include "base/strings.h"
#include "builder/app_json.h"
#include "builder/detail/buildpack_release.h"
#include "builder/detail/procfile.h"
#include "builder/detail/slugignore.h"
#include "builder/detail/yaml.h"

namespace fuzz {

/// What reads well can be written down and read again.
inline void procfile(std::string_view bytes) {
  const auto result = builder::detail::readProcfile(bytes);
  if (const auto* error = std::get_if<builder::detail::ProcfileError>(&result)) {
    CHECK(!error->message.empty() && error->message.find('\n') == std::string::npos);
    return;
  }
  const auto& types = std::get<store::ProcessTypes>(result);
  std::string text;
  for (const auto& [type, command] : types) {
    CHECK(builder::detail::isProcessType(type));
    CHECK(!command.empty() && command.find_first_of(std::string_view("\0\n", 2)) == std::string::npos);
    text += type + ": " + command + "\n";
  }
  if (text.size() > builder::detail::kProcfileMaxBytes) return;  // ": " where there was ':'
  const auto again = builder::detail::readProcfile(text);
  CHECK(std::get<store::ProcessTypes>(again) == types);
}

/// A path, a NUL byte, and the patterns.
inline void slugignore(std::string_view bytes) {
  using builder::detail::SlugIgnore;
  const auto end = bytes.find('\0');
  const std::string_view path = bytes.substr(0, end);
  if (end == bytes.npos || path.size() > 4096) return;
  const auto ignore = SlugIgnore::parse(bytes.substr(end + 1));
  const bool file = ignore.matches(path, SlugIgnore::Kind::file);
  const bool folder = ignore.matches(path, SlugIgnore::Kind::folder);
  CHECK(folder || !file);
  CHECK(!ignore.empty() || !folder);
}

inline void release(std::string_view bytes) {
  (void)builder::detail::parseYaml(bytes);
  const auto result = builder::detail::parseRelease(bytes);
  if (const auto* error = std::get_if<builder::detail::ReleaseError>(&result)) {
    CHECK(!error->message.empty() && error->message.find('\n') == std::string::npos);
    return;
  }
  const auto& release = std::get<builder::detail::BuildpackRelease>(result);
  for (const auto& [name, value] : release.configVars) {
    CHECK(!name.empty() && name.find_first_of(std::string_view("\0=\n/", 4)) == std::string::npos);
    CHECK(value.find('\0') == std::string::npos);
  }
  for (const auto& [type, command] : release.processTypes) {
    CHECK(builder::detail::isProcessType(type) && !command.empty());
    CHECK(command.find('\0') == std::string::npos);
  }
}

inline void appJson(std::string_view bytes) {
  try {
    const builder::AppJson app = builder::parseAppJson(bytes);
    for (const auto& [name, var] : app.env) {
      CHECK(!name.empty() && (!var.value || var.value->find('\0') == std::string::npos));
    }
    for (const auto& [type, wish] : app.formation) {
      CHECK(builder::detail::isProcessType(type));
      CHECK(!wish.quantity || (*wish.quantity >= 0 && *wish.quantity <= 1000));
    }
  } catch (const base::Error& error) {
    CHECK(error.code() == base::Errc::invalidArgument);
    CHECK(std::string_view(error.what()).find('\n') == std::string_view::npos);
  }
}

}  // namespace fuzz
