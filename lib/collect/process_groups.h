#pragma once

// Processes of one name, user, and service or container, and which of these groups are worth rows of their own: the
// union of the ten that use most CPU, most memory and most I/O. A machine's processes come and go by the thousand, so
// four things keep the rows few and the series long:
//
//   - Groups are ranked by their largest recent use, which is halved every minute. A group with a row keeps it unless
//     another group is clearly larger.
//   - A gather has at most `kMostValues` values. Ranks are given in turn: first by CPU, first by memory, first by I/O,
//     second by CPU, and so on.
//   - What changes hardly ever, or what no chart shows, is in a group's row every five minutes (its details).
//   - A day (UTC) has at most `kMostSeriesADay` different groups with rows, and a run of the client `kMostSeriesInAll`.
//     Further ones are part of `other`, and are counted.
//
// No I/O; allocates only for new groups.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "collect/process_identity.h"
#include "collect/row_schema.h"

namespace resmon::collect {

struct ProcessGroup {
  std::string name;
  std::string user;
  std::string service;
  std::string container;
  std::uint64_t hash = 0;
  bool wanted = true;  // the configured filter takes it

  // Facts of this gather.
  std::uint32_t members = 0;
  std::uint64_t ticks = 0;
  std::uint64_t pages = 0;
  std::uint64_t threads = 0;
  std::uint64_t new_read_bytes = 0;
  std::uint64_t new_written_bytes = 0;
  char leader_state = '?';   // as in /proc/PID/stat
  std::uint32_t leader = 0;  // the member that used most CPU, or else has most memory
  std::uint64_t leader_ticks = 0;
  std::uint64_t leader_pages = 0;

  // Since it is known.
  std::uint64_t minor_faults = 0;
  std::uint64_t major_faults = 0;
  std::uint64_t read_bytes = 0;  // while its row has these fields
  std::uint64_t written_bytes = 0;
  bool io_known = false;

  double cpu_score = 0;
  double io_score = 0;
  bool shown = false;
  bool with_io = false;
  bool with_details = false;
  UnixNanos detailed_at = INT64_MIN;  // when its row had its details last
  std::optional<RowSchema> schema;
};

class ProcessGroups {
 public:
  static constexpr std::size_t kMostValues = 60;
  static constexpr std::size_t kOtherValues = 5;
  static constexpr std::size_t kRanks = 10;
  static constexpr std::size_t kMostSeriesADay = 200;
  static constexpr std::size_t kMostSeriesInAll = 5000;
  static constexpr std::uint32_t kNone = UINT32_MAX;

  // The group's index, which is its own as long as it has members. kNone: there are too many groups.
  std::uint32_t find(std::string_view name, const ProcessIdentity& identity);
  ProcessGroup& operator[](std::uint32_t index) { return groups_[index]; }
  std::size_t size() const { return groups_.size(); }

  void begin_gather();  // forgets what is of one gather
  // Decides which groups have rows, by what was put into them since begin_gather.
  void choose(double seconds, UnixNanos time);
  // Groups that had a rank in the last choice and no row, because the day has had its series.
  std::size_t merged() const { return merged_; }

 private:
  void score(double seconds);
  template <class Value>
  void rank(std::vector<std::uint32_t>& out, Value value) const;
  bool may_be_shown(const ProcessGroup& group, UnixNanos time);
  void choose_details(std::size_t values_left, UnixNanos time);

  std::vector<ProcessGroup> groups_;
  std::vector<std::uint32_t> free_;
  std::vector<std::uint32_t> by_cpu_;
  std::vector<std::uint32_t> by_memory_;
  std::vector<std::uint32_t> by_io_;
  std::vector<std::uint64_t> series_today_;   // hashes
  std::vector<std::uint64_t> series_in_all_;  // ascending
  std::int64_t day_ = INT64_MIN;
  std::size_t merged_ = 0;
};

}  // namespace resmon::collect
