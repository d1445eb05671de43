#include "store/cron_schedule.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <span>
#include <vector>

#include "base/error.h"
#include "base/strings.h"

namespace store {
namespace {

using base::Time;

constexpr std::size_t kMaxText = 200;
/// The calendar repeats itself, days of the week included.
constexpr std::chrono::days kCycle{146'097};
constexpr int kMinutesOfHour = 60;
constexpr int kMinutesOfDay = 24 * kMinutesOfHour;

constexpr std::array<std::string_view, 12> kMonths{"JAN", "FEB", "MAR", "APR", "MAY", "JUN",
                                                   "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"};
constexpr std::array<std::string_view, 7> kWeekdays{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"};

struct Field {
  std::string_view name;
  unsigned first;
  unsigned last;
  std::span<const std::string_view> names;  // of first, first + 1, ...
};
constexpr std::array<Field, 5> kFields{{{"minute", 0, 59, {}},
                                        {"hour", 0, 23, {}},
                                        {"day of month", 1, 31, {}},
                                        {"month", 1, 12, kMonths},
                                        {"day of week", 0, 7, kWeekdays}}};
constexpr unsigned kSunday = 7;  // beside 0

constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kWords{{{"@hourly", "0 * * * *"},
                                                                               {"@daily", "0 0 * * *"},
                                                                               {"@midnight", "0 0 * * *"},
                                                                               {"@weekly", "0 0 * * 0"},
                                                                               {"@monthly", "0 0 1 * *"},
                                                                               {"@yearly", "0 0 1 1 *"},
                                                                               {"@annually", "0 0 1 1 *"}}};
constexpr std::string_view kForms =
    "minute, hour, day of month, month and day of week, or one of @hourly, @daily, @weekly, @monthly, @yearly";

/// What a field's text names, by number.
class FieldReader {
 public:
  FieldReader(const Field& field, std::string_view schedule) : field_(field), schedule_(schedule) {}

  std::bitset<60> read(std::string_view text) {
    for (const std::string& part : base::split(text, ','))
      readPart(part);
    return found_;
  }

 private:
  [[noreturn]] void refuse(std::string_view part, const std::string& what) const {
    throw base::Error(base::Errc::invalidArgument,
                      "the schedule \"" + base::printable(schedule_, kMaxText) + "\" has the " +
                          std::string(field_.name) + " \"" + base::printable(part) + "\", " + what);
  }

  std::string bounds() const { return std::to_string(field_.first) + " to " + std::to_string(field_.last); }

  void readPart(const std::string& part) {
    if (part.empty()) refuse(part, "which is empty: no comma goes without a value");
    const auto slash = part.find('/');
    const std::string range = part.substr(0, slash);
    unsigned step = 1;
    if (slash != std::string::npos) {
      std::uint64_t number = 0;
      if (!base::parseNumber(part.substr(slash + 1), number) || number == 0 || number > field_.last)
        refuse(part, "whose step is not a number from 1 to " + std::to_string(field_.last));
      step = static_cast<unsigned>(number);
    }
    unsigned from = field_.first, to = field_.last;
    if (range != "*") {
      const auto dash = range.find('-');
      from = value(part, range.substr(0, dash));
      to = from;
      if (dash != std::string::npos)
        to = end(part, range.substr(dash + 1), from);
      else if (slash != std::string::npos)
        refuse(part, "a step without a range: write " + range + "-" + std::to_string(field_.last) + "/" +
                         std::to_string(step));
    }
    for (unsigned each = from; each <= to; each += step)
      found_.set(each);
  }

  unsigned value(std::string_view part, const std::string& word) const {
    std::uint64_t number = 0;
    if (base::parseNumber(word, number)) {
      if (number < field_.first || number > field_.last) refuse(part, "which is not from " + bounds());
      return static_cast<unsigned>(number);
    }
    if (const auto named = find(word)) return *named;
    refuse(part, field_.names.empty()
                     ? "which is not a number from " + bounds()
                     : "which is neither a number from " + bounds() + " nor a name like " +
                           std::string(field_.names[1]));
  }

  std::optional<unsigned> find(std::string word) const {
    std::transform(word.begin(), word.end(), word.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    const auto found = std::find(field_.names.begin(), field_.names.end(), word);
    if (found == field_.names.end()) return std::nullopt;
    return field_.first + static_cast<unsigned>(found - field_.names.begin());
  }

  unsigned end(std::string_view part, const std::string& word, unsigned from) const {
    unsigned to = value(part, word);
    // FRI-SUN is what people mean by a weekend.
    if (to == 0 && from > 0 && field_.last == kSunday) to = kSunday;
    if (to < from) refuse(part, "which ends before it begins");
    return to;
  }

  const Field& field_;
  const std::string_view schedule_;
  std::bitset<60> found_;
};

template <std::size_t N>
std::bitset<N> narrowed(const std::bitset<60>& wide) {
  std::bitset<N> narrow;
  for (std::size_t i = 0; i < N; ++i)
    narrow[i] = wide[i];
  return narrow;
}

std::vector<std::string> wordsOf(std::string_view text) {
  std::string blanks(text);
  std::replace(blanks.begin(), blanks.end(), '\t', ' ');
  std::vector<std::string> words = base::split(blanks, ' ');
  std::erase(words, "");
  return words;
}

std::string_view expanded(std::string_view text) {
  const auto* const found =
      std::find_if(kWords.begin(), kWords.end(), [&](const auto& each) { return each.first == text; });
  return found == kWords.end() ? text : found->second;
}

}  // namespace

CronSchedule CronSchedule::parse(std::string_view text) {
  const auto refuse = [&](const std::string& what) {
    return base::Error(base::Errc::invalidArgument,
                       "the schedule \"" + base::printable(text, kMaxText) + "\" " + what);
  };
  if (text.size() > kMaxText) throw refuse("is longer than " + std::to_string(kMaxText) + " bytes");
  CronSchedule schedule;
  schedule.text_ = base::join(wordsOf(text), " ");
  if (schedule.text_.starts_with("@") && expanded(schedule.text_) == schedule.text_)
    throw refuse("is not one that is known: there are " + std::string(kForms.substr(kForms.find('@'))));
  const std::vector<std::string> words = wordsOf(expanded(schedule.text_));
  if (words.size() != kFields.size())
    throw refuse("has " + std::to_string(words.size()) + (words.size() == 1 ? " field" : " fields") +
                 " where there are five: " + std::string(kForms));
  std::array<std::bitset<60>, kFields.size()> named;
  for (std::size_t i = 0; i < kFields.size(); ++i)
    named[i] = FieldReader(kFields[i], schedule.text_).read(words[i]);
  named[4][0] = named[4][0] || named[4][kSunday];
  schedule.minutes_ = named[0];
  schedule.hours_ = narrowed<24>(named[1]);
  schedule.days_ = narrowed<32>(named[2]);
  schedule.months_ = narrowed<13>(named[3]);
  schedule.weekdays_ = narrowed<7>(named[4]);
  schedule.eitherDay_ = !words[2].starts_with('*') && !words[4].starts_with('*');
  const std::chrono::sys_days begin{};
  for (std::chrono::sys_days day = begin; !schedule.hasDay(day); day += std::chrono::days(1))
    if (day - begin > kCycle) throw refuse("names a day that never comes");
  return schedule;
}

bool CronSchedule::hasDay(std::chrono::sys_days day) const {
  const std::chrono::year_month_day date(day);
  if (!months_[static_cast<unsigned>(date.month())]) return false;
  const bool ofMonth = days_[static_cast<unsigned>(date.day())];
  const bool ofWeek = weekdays_[std::chrono::weekday(day).c_encoding()];
  return eitherDay_ ? ofMonth || ofWeek : ofMonth && ofWeek;
}

Time CronSchedule::next(Time after) const {
  const auto first = std::chrono::floor<std::chrono::minutes>(after) + std::chrono::minutes(1);
  auto day = std::chrono::floor<std::chrono::days>(first);
  int minute = static_cast<int>((first - day).count());
  while (true) {
    for (; hasDay(day) && minute < kMinutesOfDay; ++minute) {
      const auto hour = static_cast<std::size_t>(minute / kMinutesOfHour);
      if (hours_[hour] && minutes_[static_cast<std::size_t>(minute % kMinutesOfHour)])
        return day + std::chrono::minutes(minute);
      if (!hours_[hour]) minute += kMinutesOfHour - 1 - minute % kMinutesOfHour;
    }
    day += std::chrono::days(1);  // parse() has seen that there is one
    minute = 0;
  }
}

std::chrono::minutes CronSchedule::shortestGap() const {
  int shortest = static_cast<int>(std::chrono::minutes(kCycle).count()), first = -1, last = -1;
  for (int minute = 0; minute < kMinutesOfDay; ++minute) {
    if (!hours_[static_cast<std::size_t>(minute / kMinutesOfHour)] ||
        !minutes_[static_cast<std::size_t>(minute % kMinutesOfHour)])
      continue;
    if (first < 0) first = minute;
    if (last >= 0) shortest = std::min(shortest, minute - last);
    last = minute;
  }
  int days = static_cast<int>(kCycle.count());
  std::optional<std::chrono::sys_days> before;
  const std::chrono::sys_days begin{};
  for (auto day = begin; day <= begin + kCycle && days > 1; day += std::chrono::days(1)) {
    if (!hasDay(day)) continue;
    if (before) days = std::min(days, static_cast<int>((day - *before).count()));
    before = day;
  }
  return std::chrono::minutes(std::min<std::int64_t>(shortest, std::int64_t{days} * kMinutesOfDay - last + first));
}

}  // namespace store
