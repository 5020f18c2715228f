#include "influxql/parse/zone.h"

#include <algorithm>
#include <cctype>

#include "base/file.h"
#include "influxql/parse/duration.h"
#include "influxql/parse/time_text.h"

// A TZif file is a list of instants at which the offset changes, and a footer, a POSIX TZ string, that says how it goes
// on for ever. Version 2 and later repeat the version 1 block with 64-bit times: only that one is read.

namespace resmon::influxql {
namespace {

std::uint32_t be32(std::string_view data, std::size_t at) {
  std::uint32_t v = 0;
  for (std::size_t i = 0; i < 4; ++i) v = v << 8U | static_cast<unsigned char>(data[at + i]);
  return v;
}
std::int64_t be64(std::string_view data, std::size_t at) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(be32(data, at)) << 32U | be32(data, at + 4));
}

struct Header {
  std::size_t utc_flags, standard_flags, leaps, transitions, types, text;
  std::size_t body(std::size_t time_bytes) const {
    return transitions * time_bytes + transitions + types * 6 + text + leaps * (time_bytes + 4) + standard_flags +
           utc_flags;
  }
};
constexpr std::size_t kHeaderBytes = 44;

bool read_header(std::string_view data, std::size_t at, Header& header) {
  if (data.size() < at + kHeaderBytes || data.substr(at, 4) != "TZif") return false;
  header = {be32(data, at + 20), be32(data, at + 24), be32(data, at + 28),
            be32(data, at + 32), be32(data, at + 36), be32(data, at + 40)};
  return std::max({header.utc_flags, header.standard_flags, header.leaps, header.transitions, header.types,
                   header.text}) <= 1U << 20U;
}

// Reads a POSIX TZ string from its front.
struct TzText {
  std::string_view text;

  bool take(char c) {
    if (text.empty() || text.front() != c) return false;
    text.remove_prefix(1);
    return true;
  }
  bool name() {
    std::size_t n = 0;
    if (take('<')) {
      n = text.find('>');
      if (n == std::string_view::npos) return false;
      text.remove_prefix(n + 1);
      return true;
    }
    while (n < text.size() && std::isalpha(static_cast<unsigned char>(text[n])) != 0) ++n;
    text.remove_prefix(n);
    return n > 0;
  }
  bool number(int& value) {
    std::size_t n = 0;
    value = 0;
    while (n < text.size() && n < 4 && text[n] >= '0' && text[n] <= '9') value = value * 10 + (text[n++] - '0');
    text.remove_prefix(n);
    return n > 0;
  }
  bool seconds(std::int64_t& value) {
    const bool negative = take('-');
    if (!negative) take('+');
    int hours = 0, minutes = 0, rest = 0;
    if (!number(hours)) return false;
    if (take(':') && !number(minutes)) return false;
    if (take(':') && !number(rest)) return false;
    value = hours * 3600 + minutes * 60 + rest;
    if (negative) value = -value;
    return true;
  }
};

}  // namespace

bool Zone::parse_footer(std::string_view text) {
  TzText in{text};
  std::int64_t west = 0;
  if (!in.name() || !in.seconds(west)) return false;
  standard_offset_ = -west;
  if (in.text.empty()) return true;
  if (!in.name()) return false;
  summer_offset_ = standard_offset_ + 3600;
  if (!in.text.empty() && in.text.front() != ',') {
    if (!in.seconds(west)) return false;
    summer_offset_ = -west;
  }
  for (Rule* rule : {&summer_begins_, &summer_ends_}) {
    if (!in.take(',')) return false;
    if (in.take('M')) {
      rule->kind = 'M';
      if (!in.number(rule->month) || !in.take('.') || !in.number(rule->week) || !in.take('.') ||
          !in.number(rule->day)) {
        return false;
      }
      if (rule->month < 1 || rule->month > 12 || rule->week < 1 || rule->week > 5 || rule->day > 6) return false;
    } else {
      rule->kind = in.take('J') ? 'J' : 'D';
      if (!in.number(rule->day)) return false;
    }
    if (in.take('/') && !in.seconds(rule->time_seconds)) return false;
  }
  has_summer_ = true;
  return true;
}

// Local seconds since the epoch at which the rule fires in that year.
std::int64_t Zone::rule_seconds(const Rule& rule, std::int64_t year) {
  std::int64_t day = 0;
  if (rule.kind == 'M') {
    const std::int64_t first = days_from_civil(year, rule.month, 1);
    const std::int64_t weekday = ((first + 4) % 7 + 7) % 7;
    day = first + (rule.day - weekday + 7) % 7 + (rule.week - 1) * 7;
    const std::int64_t next =
        rule.month == 12 ? days_from_civil(year + 1, 1, 1) : days_from_civil(year, rule.month + 1, 1);
    while (day >= next) day -= 7;
  } else {
    day = days_from_civil(year, 1, 1) + rule.day - (rule.kind == 'J' ? 1 : 0);
    if (rule.kind == 'J' && days_from_civil(year, 3, 1) - days_from_civil(year, 1, 1) == 60 && rule.day >= 60) ++day;
  }
  return day * 86400 + rule.time_seconds;
}

std::int64_t Zone::footer_offset(std::int64_t unix_seconds) const {
  if (!has_summer_) return standard_offset_;
  const std::int64_t year = civil_from_unix(unix_seconds + standard_offset_).year;
  const std::int64_t begins = rule_seconds(summer_begins_, year) - standard_offset_;
  const std::int64_t ends = rule_seconds(summer_ends_, year) - summer_offset_;
  const bool summer =
      begins < ends ? unix_seconds >= begins && unix_seconds < ends : unix_seconds >= begins || unix_seconds < ends;
  return summer ? summer_offset_ : standard_offset_;
}

Result<std::shared_ptr<const Zone>> Zone::parse(std::string name, std::string_view data) {
  const auto damaged = [&] { return fail(ErrorKind::kDamaged, "time zone file of " + name + " is damaged"); };
  Header header{};
  if (!read_header(data, 0, header)) return damaged();
  std::size_t at = kHeaderBytes;
  std::size_t time_bytes = 4;
  if (data[4] != '\0') {
    at += header.body(4);
    if (!read_header(data, at, header)) return damaged();
    at += kHeaderBytes;
    time_bytes = 8;
  }
  if (header.types == 0 || data.size() < at + header.body(time_bytes)) return damaged();

  auto zone = std::make_shared<Zone>();
  const std::size_t indices = at + header.transitions * time_bytes;
  const std::size_t types = indices + header.transitions;
  const auto offset_of = [&](std::size_t type) { return static_cast<std::int32_t>(be32(data, types + type * 6)); };
  for (std::size_t i = 0; i < header.transitions; ++i) {
    const std::int64_t when =
        time_bytes == 8 ? be64(data, at + i * 8) : static_cast<std::int32_t>(be32(data, at + i * 4));
    const auto type = static_cast<unsigned char>(data[indices + i]);
    if (type >= header.types || (i > 0 && when <= zone->transitions_.back())) return damaged();
    zone->transitions_.push_back(when);
    zone->offsets_.push_back(offset_of(type));
  }
  zone->first_offset_ = offset_of(0);
  if (time_bytes == 8) {
    std::string_view footer = data.substr(at + header.body(8));
    if (footer.size() > 2 && footer.front() == '\n') {
      footer = footer.substr(1, footer.find('\n', 1) - 1);
      if (!footer.empty()) {
        if (!zone->parse_footer(footer)) return damaged();
        zone->has_footer_ = true;
      }
    }
  }
  zone->name_ = std::move(name);
  return std::shared_ptr<const Zone>(std::move(zone));
}

std::int64_t Zone::offset_seconds(UnixNanos time) const {
  std::int64_t seconds = time / kNanosPerSecond;
  if (time % kNanosPerSecond < 0) --seconds;
  const auto after = std::upper_bound(transitions_.begin(), transitions_.end(), seconds);
  if (after == transitions_.end() && has_footer_) return footer_offset(seconds);
  if (after == transitions_.begin()) return first_offset_;
  return offsets_[static_cast<std::size_t>(after - transitions_.begin()) - 1];
}

Result<std::shared_ptr<const Zone>> load_system_zone(std::string_view name) {
  const auto unknown = [&] { return fail(ErrorKind::kNotFound, "unable to find time zone " + std::string(name)); };
  if (name.empty() || name == "UTC") {
    static constexpr std::string_view kUtc(
        "TZif\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\4\0\0\0\0\0\0UTC\0", 54);
    return Zone::parse("UTC", kUtc);
  }
  if (name.size() > 100 || name.front() == '/' || name.find("..") != std::string_view::npos) return unknown();
  for (const char c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '/' && c != '_' && c != '-' && c != '+')
      return unknown();
  }
  auto data = read_file("/usr/share/zoneinfo/" + std::string(name), 1U << 20U);
  if (!data) return unknown();
  auto zone = Zone::parse(std::string(name), *data);
  if (!zone) return unknown();
  return zone;
}

}  // namespace resmon::influxql
