// What a slug takes along of its app.json.
#pragma once

#include <string>

#include "builder/app_json.h"

namespace controller {

/// As text to be kept with the slug: so they come with each deploy, and go back with a rollback.
struct SlugSettings {
  std::string checks;  ///< store::Slug::checks
  std::string cron;    ///< store::Slug::cron
};

/// However the slug was made. Throws invalidArgument, "app.json: ...", for cron beyond what is allowed.
SlugSettings slugSettings(const builder::AppJson& appJson, const store::CronLimits& limits);

}  // namespace controller
