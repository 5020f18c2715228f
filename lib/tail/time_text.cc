#include "tail/time_text.h"

#include <charconv>
#include <chrono>
#include <cmath>
#include <ctime>

namespace resmon::tail {

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

struct Moment {
  int year = 0;
  unsigned month = 0;
  unsigned day = 0;
  unsigned hour = 0;
  unsigned minute = 0;
  unsigned second = 0;
  std::int64_t nanos = 0;
};

// Reads from the front of a text; after the first thing that is not there it is bad.
class TimeScanner {
 public:
  explicit TimeScanner(std::string_view text) : text_(text) {}

  bool bad() const { return bad_; }
  std::size_t at() const { return at_; }
  char peek(std::size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  bool is_digit(std::size_t ahead = 0) const { return peek(ahead) >= '0' && peek(ahead) <= '9'; }
  void skip(std::size_t n) { at_ += n; }

  unsigned digits(std::size_t count) {
    unsigned value = 0;
    for (std::size_t i = 0; i < count; ++i) {
      if (!is_digit()) return bad_ = true, 0;
      value = value * 10 + static_cast<unsigned>(text_[at_++] - '0');
    }
    return value;
  }
  void expect(char c) {
    if (peek() != c)
      bad_ = true;
    else
      ++at_;
  }
  unsigned month_name() {
    static constexpr std::string_view kNames = "JanFebMarAprMayJunJulAugSepOctNovDec";
    if (at_ + 3 > text_.size()) return bad_ = true, 0;
    const std::size_t found = kNames.find(text_.substr(at_, 3));
    if (found == std::string_view::npos || found % 3 != 0) return bad_ = true, 0;
    at_ += 3;
    return static_cast<unsigned>(found / 3) + 1;
  }
  void clock(Moment& m) {
    m.hour = digits(2);
    expect(':');
    m.minute = digits(2);
    expect(':');
    m.second = digits(2);
    if (bad_ || (peek() != '.' && peek() != ',') || !is_digit(1)) return;
    skip(1);
    std::int64_t unit = kSecond / 10;
    for (; is_digit(); skip(1), unit /= 10) m.nanos += unit * (peek() - '0');
  }
  // Seconds east of UTC; nothing where no zone stands.
  std::optional<int> zone() {
    const std::size_t space = peek() == ' ' ? 1 : 0;
    if (peek(space) == 'Z' || text_.substr(at_ + std::min(space, text_.size() - at_)).starts_with("UTC") ||
        text_.substr(at_ + std::min(space, text_.size() - at_)).starts_with("GMT")) {
      skip(space + (peek(space) == 'Z' ? 1 : 3));
      return 0;
    }
    const char sign = peek(space);
    if ((sign != '+' && sign != '-') || !is_digit(space + 1) || !is_digit(space + 2)) return std::nullopt;
    skip(space + 1);
    int seconds = static_cast<int>(digits(2)) * 3600;
    if (peek() == ':' && is_digit(1)) skip(1);
    if (is_digit() && is_digit(1)) seconds += static_cast<int>(digits(2)) * 60;
    return sign == '-' ? -seconds : seconds;
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
  bool bad_ = false;
};

// As if it were UTC; nothing where there is no such moment.
std::optional<std::int64_t> seconds_of(const Moment& m) {
  const std::chrono::year_month_day date{std::chrono::year(m.year), std::chrono::month(m.month),
                                         std::chrono::day(m.day)};
  if (!date.ok() || m.year < 1900 || m.year > 2200 || m.hour > 23 || m.minute > 59 || m.second > 60)
    return std::nullopt;
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  return ((days * 24 + m.hour) * 60 + m.minute) * 60 + m.second;
}

// A line of 31 December that is read on 1 January is of last year: what is logged has happened, but for a clock that is
// ahead. The zone does not matter here.
std::optional<int> year_of(Moment m, UnixNanos now) {
  constexpr std::int64_t kMostAhead = 7 * 86'400;
  const std::int64_t latest = now / kSecond + kMostAhead;
  const auto day = std::chrono::floor<std::chrono::days>(std::chrono::sys_seconds(std::chrono::seconds(latest)));
  const int last = static_cast<int>(std::chrono::year_month_day(day).year());
  // 29 February may be up to eight years ago.
  for (m.year = last; m.year >= last - 8; --m.year)
    if (const auto seconds = seconds_of(m); seconds && *seconds <= latest) return m.year;
  return std::nullopt;
}

std::optional<TimeText> finish(TimeScanner& scan, Moment m, LocalZone& zone, UnixNanos now, bool with_zone) {
  if (scan.bad()) return std::nullopt;
  const std::optional<int> east = with_zone ? scan.zone() : std::nullopt;
  if (scan.bad()) return std::nullopt;
  if (m.year == 0) {
    const auto year = year_of(m, now);
    if (!year) return std::nullopt;
    m.year = *year;
  }
  const auto seconds = seconds_of(m);
  if (!seconds) return std::nullopt;
  return TimeText{(east ? *seconds - *east : zone.to_unix(*seconds)) * kSecond + m.nanos, scan.at()};
}

}  // namespace

std::int64_t LocalZone::to_unix(std::int64_t local_seconds) {
  const std::int64_t hour = local_seconds / 3600;
  if (hour != hour_) {
    const std::time_t as_utc = local_seconds;
    std::tm parts{};
    ::gmtime_r(&as_utc, &parts);
    parts.tm_isdst = -1;
    const std::time_t meant = ::mktime(&parts);
    offset_ = meant == -1 ? 0 : local_seconds - meant;
    hour_ = hour;
  }
  return local_seconds - offset_;
}

std::optional<TimeText> read_time(std::string_view text, UnixNanos now, LocalZone& zone) {
  if (text.size() < 15) return std::nullopt;
  TimeScanner scan(text);
  Moment m;
  if (scan.is_digit() && scan.is_digit(3) && (scan.peek(4) == '-' || scan.peek(4) == '/')) {
    const char divider = scan.peek(4);
    m.year = static_cast<int>(scan.digits(4));
    scan.expect(divider);
    m.month = scan.digits(2);
    scan.expect(divider);
    m.day = scan.digits(2);
    if (scan.peek() != 'T' && scan.peek() != ' ') return std::nullopt;
    scan.skip(1);
    scan.clock(m);
    return finish(scan, m, zone, now, true);
  }
  if (scan.is_digit() && scan.peek(2) == '/') {
    m.day = scan.digits(2);
    scan.expect('/');
    m.month = scan.month_name();
    scan.expect('/');
    m.year = static_cast<int>(scan.digits(4));
    scan.expect(':');
    scan.clock(m);
    return finish(scan, m, zone, now, true);
  }
  if (scan.is_digit() && scan.is_digit(3) && scan.peek(4) == ' ') {
    m.month = scan.digits(2);
    m.day = scan.digits(2);
    scan.expect(' ');
    scan.clock(m);
    return finish(scan, m, zone, now, false);
  }
  if (scan.peek(3) != ' ') return std::nullopt;
  m.month = scan.month_name();
  scan.expect(' ');
  if (scan.peek() == ' ') {
    scan.skip(1);
    m.day = scan.digits(1);
  } else {
    m.day = scan.is_digit(1) ? scan.digits(2) : scan.digits(1);
  }
  scan.expect(' ');
  scan.clock(m);
  return finish(scan, m, zone, now, false);
}

std::optional<UnixNanos> read_epoch(std::string_view text) {
  if (text.empty() || text.size() > 30) return std::nullopt;
  std::int64_t whole = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), whole);
  if (error != std::errc() || whole < 100'000'000) return std::nullopt;
  std::int64_t unit = kSecond;
  if (whole > 100'000'000'000'000'000)
    unit = 1;
  else if (whole > 100'000'000'000'000)
    unit = 1'000;
  else if (whole > 100'000'000'000)
    unit = 1'000'000;
  if (whole > INT64_MAX / unit) return std::nullopt;
  std::int64_t fraction = 0;
  std::string_view rest(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (rest.starts_with('.')) {
    rest.remove_prefix(1);
    std::int64_t step = unit / 10;
    for (; !rest.empty() && rest.front() >= '0' && rest.front() <= '9'; rest.remove_prefix(1), step /= 10)
      fraction += step * (rest.front() - '0');
  }
  if (!rest.empty()) return std::nullopt;
  return whole * unit + fraction;
}

}  // namespace resmon::tail
