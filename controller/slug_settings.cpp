#include "controller/slug_settings.h"

namespace controller {

SlugSettings slugSettings(const builder::AppJson& appJson, const store::CronLimits& limits) {
  store::requireCronWithin(limits, appJson.cron, "app.json: cron");
  return {.checks = store::checksText(appJson.healthchecks), .cron = store::cronText(appJson.cron)};
}

}  // namespace controller
