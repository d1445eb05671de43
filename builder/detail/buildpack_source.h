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

/// "nodejs", "heroku/nodejs", "heroku/nodejs#v300", "https://HOST/PATH.tgz", "https://HOST/PATH.git#ref".
std::variant<BuildpackSource, SourceError> parseBuildpackSource(std::string_view text);

/// The lines of a .buildpacks file that name one.
std::vector<std::string> parseBuildpacksFile(std::string_view text);

}  // namespace builder::detail
