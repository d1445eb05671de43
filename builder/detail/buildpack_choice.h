// What detection and the names "heroku/NAME" mean on this server.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "builder/builder.h"
#include "builder/detail/buildpack_library.h"
#include "builder/detail/buildpack_source.h"

namespace builder::detail {

/// Heroku's own buildpack of a name: "jvm" is https://github.com/heroku/heroku-buildpack-jvm-common.
BuildpackSource herokus(std::string_view name, std::string_view ref = "");

/// The name of Heroku's buildpack that would detect an app of these files, in Heroku's order; looks at names
/// only, follows no links. (Heroku Dev Center, Officially Supported Buildpacks.)
std::optional<std::string> herokuName(const std::filesystem::path& appFolder);

/// Those that are asked in turn. With BuildpackOrigin::heroku: the operator's own, then Heroku's for the
/// app's language, so that one is fetched and not all, then the bundled ones that need no language.
std::vector<BuildpackSource> detectionSources(BuildpackOrigin origin, const BuildpackLibrary& library,
                                              const std::filesystem::path& appFolder);

/// A source as written to the one that is meant: "heroku/NAME" is the one at hand by that name
/// (BuildpackOrigin::bundled, and no #ref), else Heroku's own. Others stay as they are.
BuildpackSource resolve(BuildpackSource source, BuildpackOrigin origin, const BuildpackLibrary& library);

}  // namespace builder::detail
