// What a line of .buildpacks or BUILDPACK_URL names.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace builder::detail {

/// Immutable value. `url` and `ref` are empty for a named one.
struct BuildpackSource {
  enum class Kind { named, tarball, git };
  Kind kind = Kind::named;
  std::string
      name;  ///< folder name of a named one, else the URL's last word: for people, without credentials
  std::string url;
  bool herokuName = false;  ///< written as "heroku/NAME": see resolve()
  std::string ref;          ///< branch, tag or commit; empty: the default branch
};

/// One sentence.
struct SourceError {
  std::string message;
};

/// "nodejs", "heroku/nodejs", "heroku/nodejs#v300", "https://HOST/PATH.tgz", "https://HOST/PATH.git#ref", "ORG/NAME#ref"
/// for https://github.com/ORG/heroku-buildpack-NAME ("heroku-community/NAME": Heroku's own).
std::variant<BuildpackSource, SourceError> parseBuildpackSource(std::string_view text);

/// The URL as it may be shown and stored: without a user, a password or a query.
std::string withoutCredentials(std::string_view url);

/// The lines of a .buildpacks file that name one.
std::vector<std::string> parseBuildpacksFile(std::string_view text);

}  // namespace builder::detail
