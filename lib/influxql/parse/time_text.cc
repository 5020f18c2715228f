#include "influxql/parse/time_text.h"

#include <fmt/format.h>

#include <array>
#include <iterator>

#include "influxql/parse/duration.h"
#include "influxql/parse/zone.h"

namespace resmon::influxql {

// Howard Hinnant's algorithm: https://howardhinnant.github.io/date_algorithms.html
std::int64_t days_from_civil(std::int64_t year, int month, int day) {
  year -= month <= 2 ? 1 : 0;
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  const std::int64_t year_of_era = year - era * 400;
  const std::int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const std::int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146'097 + day_of_era - 719'468;
}

Civil civil_from_unix(std::int64_t unix_seconds) {
  std::int64_t days = unix_seconds / 86400;
  std::int64_t rest = unix_seconds % 86400;
  if (rest < 0) {
    rest += 86400;
    --days;
  }
  days += 719'468;
  const std::int64_t era = (days >= 0 ? days : days - 146'096) / 146'097;
  const std::int64_t day_of_era = days - era * 146'097;
  const std::int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const std::int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t shifted_month = (5 * day_of_year + 2) / 153;
  Civil civil;
  civil.day = static_cast<int>(day_of_year - (153 * shifted_month + 2) / 5 + 1);
  civil.month = static_cast<int>(shifted_month + (shifted_month < 10 ? 3 : -9));
  civil.year = year_of_era + era * 400 + (civil.month <= 2 ? 1 : 0);
  civil.hour = static_cast<int>(rest / 3600);
  civil.minute = static_cast<int>(rest / 60 % 60);
  civil.second = static_cast<int>(rest % 60);
  return civil;
}

void append_rfc3339(std::string& out, UnixNanos time, const Zone* zone) {
  std::int64_t seconds = time / kNanosPerSecond;
  std::int64_t nanos = time % kNanosPerSecond;
  if (nanos < 0) {
    nanos += kNanosPerSecond;
    --seconds;
  }
  const std::int64_t offset = zone != nullptr ? zone->offset_seconds(time) : 0;
  const Civil c = civil_from_unix(seconds + offset);
  fmt::format_to(std::back_inserter(out), "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", c.year, c.month, c.day, c.hour,
                 c.minute, c.second);
  if (nanos != 0) {
    fmt::format_to(std::back_inserter(out), ".{:09}", nanos);
    while (out.back() == '0') out.pop_back();
  }
  if (offset == 0) {
    out += 'Z';
  } else {
    const std::int64_t minutes = (offset < 0 ? -offset : offset) / 60;
    fmt::format_to(std::back_inserter(out), "{}{:02}:{:02}", offset < 0 ? '-' : '+', minutes / 60, minutes % 60);
  }
}

namespace {

bool digit(char c) {
  return c >= '0' && c <= '9';
}

// Reads `digits` digits from the front into `value`.
bool take_number(std::string_view& text, std::size_t digits, int& value) {
  if (text.size() < digits) return false;
  value = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    if (!digit(text[i])) return false;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(digits);
  return true;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

bool valid(const Civil& c) {
  constexpr std::array kDays = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (c.month < 1 || c.month > 12) return false;
  const bool leap = (c.year % 4 == 0 && c.year % 100 != 0) || c.year % 400 == 0;
  const int days = kDays[static_cast<std::size_t>(c.month - 1)] + (c.month == 2 && leap ? 1 : 0);
  return c.day >= 1 && c.day <= days && c.hour <= 23 && c.minute <= 59 && c.second <= 59;
}

}  // namespace

bool looks_like_time(std::string_view text) {
  int year = 0, month = 0, day = 0;
  if (!take_number(text, 4, year) || !take(text, '-') || !take_number(text, 2, month) || !take(text, '-') ||
      !take_number(text, 2, day)) {
    return false;
  }
  return text.empty() || text.front() == ' ' || text.front() == 'T';
}

std::optional<ParsedTime> parse_time(std::string_view text, const Zone* zone) {
  Civil c;
  int year = 0;
  if (!take_number(text, 4, year) || !take(text, '-') || !take_number(text, 2, c.month) || !take(text, '-') ||
      !take_number(text, 2, c.day)) {
    return std::nullopt;
  }
  c.year = year;
  ParsedTime result;
  bool has_offset = false;
  std::int64_t offset = 0;
  if (!text.empty()) {
    const bool rfc3339 = text.front() == 'T';
    if (!rfc3339 && text.front() != ' ') return std::nullopt;
    text.remove_prefix(1);
    if (!take_number(text, 2, c.hour) || !take(text, ':') || !take_number(text, 2, c.minute) || !take(text, ':') ||
        !take_number(text, 2, c.second)) {
      return std::nullopt;
    }
    if (take(text, '.')) {
      if (text.empty() || !digit(text.front())) return std::nullopt;
      std::int64_t scale = kNanosPerSecond;
      while (!text.empty() && digit(text.front())) {
        scale /= 10;
        result.nanos += (text.front() - '0') * scale;
        text.remove_prefix(1);
      }
    }
    if (rfc3339) {
      has_offset = true;
      if (!take(text, 'Z')) {
        const bool negative = !text.empty() && text.front() == '-';
        int hours = 0, minutes = 0;
        if ((!take(text, '+') && !take(text, '-')) || !take_number(text, 2, hours) || !take(text, ':') ||
            !take_number(text, 2, minutes) || hours > 23 || minutes > 59) {
          return std::nullopt;
        }
        offset = (hours * 60 + minutes) * 60;
        if (negative) offset = -offset;
      }
    }
    if (!text.empty()) return std::nullopt;
  }
  if (!valid(c)) return std::nullopt;
  result.seconds = days_from_civil(c.year, c.month, c.day) * 86400 + c.hour * 3600 + c.minute * 60 + c.second;
  if (has_offset) {
    result.seconds -= offset;
  } else if (zone != nullptr && result.seconds < INT64_MAX / kNanosPerSecond &&
             result.seconds > INT64_MIN / kNanosPerSecond) {
    // The offset depends on the instant that is looked for: guess with the local time, then correct once.
    const std::int64_t guess = zone->offset_seconds(result.seconds * kNanosPerSecond);
    const std::int64_t better = zone->offset_seconds((result.seconds - guess) * kNanosPerSecond);
    result.seconds -= better;
  }
  return result;
}

}  // namespace resmon::influxql
