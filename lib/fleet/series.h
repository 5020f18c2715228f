#pragma once

// One series (measurement and tags) that the overview shows something of, and the few numbers of a host that are made
// of all its series. What counts is the series and the name of a field: senders such as Telegraf write one series'
// fields in any order, and in one row or in several. Not thread-safe.

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fleet/interval.h"
#include "metric/schema.h"

namespace resmon::fleet {

inline constexpr double kMostWhole = 9e18;  // what a client says may be any double

// Absent: never said, or not said for a while.
struct Summary {
  std::optional<double> cpu_percent;
  std::optional<double> memory_percent;
  std::optional<double> swap_percent;
  std::optional<double> disk_percent;  // of the fullest file system
  std::string disk_path;
  std::optional<double> network_receive_bytes_per_second;
  std::optional<double> network_send_bytes_per_second;
  std::optional<double> pressure_percent;  // of the last 10 s, the share in which some task waited for
  std::string pressure_resource;           // this: the worst of cpu, memory and io
  std::optional<double> load1;
  std::optional<std::int64_t> n_cpus;
  std::optional<std::int64_t> uptime_seconds;
};

enum class Kind : std::uint8_t { kNothing, kCpu, kMemory, kSwap, kDisk, kNetwork, kPressure, kSystem, kClient };
inline constexpr std::size_t kKinds = 9;
inline constexpr std::size_t kMostFields = 3;

// The names of the fields that matter, by place in Series::fields. "" where there are fewer.
const std::array<std::string_view, kMostFields>& field_names(Kind kind);
// The overview's numbers from rows of this measurement and these tags.
Kind kind_of(const metric::Schema& schema);

// Nothing for what is no number.
std::optional<double> number_of(metric::FieldType type, metric::Cell cell);

class Series {
 public:
  struct Reading {
    UnixNanos time = 0;  // of the row, as the sender says; 0: none yet
    double value = 0;
    std::optional<double> rate;  // per second, against the one before; absent after a reset
  };

  // `name`: what people call it, a disk's path or a pressure's resource.
  Series(Kind kind, std::string name) : kind_(kind), name_(std::move(name)) {}

  // A row of the series, `time` as the sender says; `heard`: the same, or when it came if that was earlier. False where
  // it is older than what is known: it changes nothing.
  bool begin_row(UnixNanos time, UnixNanos heard);
  void read(std::size_t field, UnixNanos time, double value);

  Kind kind() const { return kind_; }
  const std::string& name() const { return name_; }
  const Reading* reading(std::size_t field) const {  // null: none yet
    return readings_[field].time == 0 ? nullptr : &readings_[field];
  }
  UnixNanos heard() const { return heard_; }
  std::chrono::nanoseconds interval() const { return interval_.value(); }  // 0: not known yet

 private:
  Kind kind_;
  std::string name_;
  UnixNanos heard_ = 0;  // of the newest row
  Interval interval_;
  std::array<Reading, kMostFields> readings_;
};

struct Digest {
  Summary summary;
  // The shortest of the series that are still written; 0: not known.
  std::chrono::nanoseconds interval{0};
};
// What all series of one host say together. A file system or interface that the newest gather of its kind lacks does
// not count. `base`: how often the host gathers, where that is known otherwise; 0: not.
Digest digest_of(const std::vector<const Series*>& series, std::chrono::nanoseconds base);

}  // namespace resmon::fleet
