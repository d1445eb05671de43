// What people write into files that the store's values are read from, as functions over bytes: for the fuzzers,
// and for the replay of their corpora as unit tests.
#pragma once

#include <chrono>
#include <string_view>

#include "base/error.h"
#include "store/cron_schedule.h"

namespace fuzz {

/// What is read comes, again and again, at whole minutes, and says the same when it is read once more.
inline void cronSchedule(std::string_view bytes) {
  try {
    const auto schedule = store::CronSchedule::parse(bytes);
    const auto again = store::CronSchedule::parse(schedule.text());
    CHECK(again.text() == schedule.text());
    base::Time time = std::chrono::sys_days(std::chrono::year(2026) / 11 / 22) + std::chrono::milliseconds(1);
    const auto gap = schedule.shortestGap();
    CHECK(gap >= std::chrono::minutes(1));
    base::Time before{};
    for (int i = 0; i < 3; ++i) {
      const base::Time next = schedule.next(time);
      CHECK(next > time && next == std::chrono::floor<std::chrono::minutes>(next));
      CHECK(again.next(time) == next);
      CHECK(i == 0 || next - before >= gap);
      before = time = next;
    }
  } catch (const base::Error& error) {
    CHECK(error.code() == base::Errc::invalidArgument);
    CHECK(std::string_view(error.what()).find('\n') == std::string_view::npos);
  }
}

}  // namespace fuzz
