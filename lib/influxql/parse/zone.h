#pragma once

// Time zones for tz() from the system's compiled zone files (TZif, RFC 8536). GCC 12's <chrono> has no zone database.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace resmon::influxql {

class Zone {
 public:
  // `data` is a whole TZif file. Hostile input gives an error.
  static Result<std::shared_ptr<const Zone>> parse(std::string name, std::string_view data);

  const std::string& name() const { return name_; }
  // Seconds to add to UTC to get local time.
  std::int64_t offset_seconds(UnixNanos time) const;

 private:
  struct Rule {  // one end of summer time in a POSIX TZ string
    char kind = 'M';
    int month = 0, week = 0, day = 0;
    std::int64_t time_seconds = 7200;
  };

  bool parse_footer(std::string_view text);
  std::int64_t footer_offset(std::int64_t unix_seconds) const;
  static std::int64_t rule_seconds(const Rule& rule, std::int64_t year);

  std::string name_;
  std::vector<std::int64_t> transitions_;  // unix seconds, ascending
  std::vector<std::int32_t> offsets_;      // offset from transitions_[i] on
  std::int32_t first_offset_ = 0;          // before the first transition
  bool has_footer_ = false;                // rules for times after the last transition
  bool has_summer_ = false;
  std::int64_t standard_offset_ = 0;
  std::int64_t summer_offset_ = 0;
  Rule summer_begins_, summer_ends_;
};

// Finds the zone of that name, or an error. A query that uses tz() is the only caller.
using ZoneLoader = std::function<Result<std::shared_ptr<const Zone>>(std::string_view name)>;

// Reads /usr/share/zoneinfo. Names with "..", a leading '/' or odd characters are refused; "" and "UTC" need no file.
Result<std::shared_ptr<const Zone>> load_system_zone(std::string_view name);

}  // namespace resmon::influxql
