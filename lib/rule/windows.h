#pragma once

// Totals by series and time: the windows of an `every`, and the sums of a `merge`, whose windows are the times of the
// rows of one batch.
//
// A window of a host is complete when a row of that host comes that is `wait` later than its end: what one client sends
// comes in the order of time, also after an outage. A host that falls silent has its last windows closed by the clock,
// five minutes later. Rows of a window that was closed are late: counted and dropped. Windows that are older than all
// that the host has sent (somebody writes the past) are closed `wait`, at least ten seconds, after they were opened.
//
// All depends on the rows and on when the server received them, in their order, and on nothing else, so that a log that
// is read again gives the same windows again.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "metric/schema.h"
#include "metric/value.h"
#include "rule/rule.h"

namespace resmon::rule {

struct Moment {
  UnixNanos received = 0;      // when the rows came
  std::uint64_t position = 0;  // of the log's record that they are in
};

// One host's window, as it is closed.
struct ClosedWindow {
  std::size_t rule = 0;
  std::string host;
  UnixNanos start = 0;
  std::uint64_t first = 0;  // positions of its first and last rows
  std::uint64_t last = 0;
};

// The values of one field in one window.
struct Total {
  std::uint64_t count = 0;
  metric::Cell least = 0, most = 0, last = 0;
  double sum = 0;
  std::int64_t whole_sum = 0;  // of integers; stays at the end of the range
  // The values, where p95 is asked for: at most 4096, thinned evenly. The last text of a string.
  std::vector<double> values;
  std::uint64_t stride = 1;
  std::string text;
};

class Windows {
 public:
  struct Slot {
    std::string name;
    metric::FieldType type = metric::FieldType::kFloat;
    bool operator==(const Slot&) const = default;
  };
  struct Entry {          // one series
    metric::Schema base;  // without fields
    std::vector<Slot> slots;
    std::vector<Total> totals;  // by slot
  };
  struct Host;
  struct Bucket {
    Host* host = nullptr;
    UnixNanos start = 0;
    std::uint64_t first = 0, last = 0;
    UnixNanos close_at = 0;
    bool past = false;  // older than what the host had sent
    std::unordered_map<std::string, Entry> entries;
  };
  struct Host {
    std::string name;
    UnixNanos newest = INT64_MIN;            // of its rows
    std::int64_t newest_closed = INT64_MIN;  // a window's number
    std::uint64_t closed = 0;                // bit n: the one n + 1 before that
    std::map<UnixNanos, Bucket> buckets;     // by start
    UnixNanos seen = 0;
    bool touched = false;
  };
  // Where the rows of one schema go: found again at once while no window is closed.
  struct Place {
    std::uint64_t epoch = 0;
    UnixNanos start = 0;
    Bucket* bucket = nullptr;
    Entry* entry = nullptr;
    std::vector<std::uint32_t> slots;  // by field
  };
  struct RowIn {
    const metric::Schema& base;
    const std::string& key;  // of the series
    const std::string& host;
    const std::vector<metric::Field>& fields;
    UnixNanos time;
    Moment moment;
    // The row's cells, and which are there.
    std::span<const std::uint64_t> presence;
    std::span<const metric::Cell> cells;
    std::string_view text;
  };
  // kAgain: of a window that an earlier run delivered.
  enum class Taken { kYes, kAgain, kLate, kFull };

  // `span` 0: of a merge.
  Windows(std::size_t rule, const Rule& from);

  Taken add(const RowIn& row, Place& place);
  using Emit = std::function<void(const Bucket&)>;
  // After the rows of a batch: those that are complete by them.
  void end_batch(const Emit& emit);
  // Those that are complete by the clock.
  void close_until(UnixNanos now, const Emit& emit);
  void close_all(const Emit& emit);

  // The totals of an entry as fields, in the order in which `write` gets their values.
  std::vector<metric::Field> fields_of(const Entry& entry) const;
  // write(field, cell) or write_text(field, text), for those that are there.
  void values_of(const Entry& entry, const std::function<void(std::size_t, metric::Cell)>& write,
                 const std::function<void(std::size_t, std::string_view)>& write_text) const;

  std::size_t series() const { return entries_; }
  std::uint64_t oldest_position() const;  // of the rows in open windows; UINT64_MAX: there are none
  std::vector<ClosedWindow> take_closed() { return std::exchange(closed_, {}); }
  // From an earlier run: it was closed.
  void restore(const ClosedWindow& window) {
    again_until_ = std::max(again_until_, window.last);
    mark(window);
  }
  // Hosts with open windows that are older than what they had sent, and how far that was.
  std::vector<std::pair<std::string, UnixNanos>> pasts() const;
  void restore_newest(const std::string& host, UnixNanos newest);
  bool empty() const { return entries_ == 0; }

 private:
  void find(const RowIn& row, UnixNanos start, Place& place, Taken& taken);
  void close(Host& host, std::map<UnixNanos, Bucket>::iterator bucket, const Emit& emit);
  void forget_hosts(UnixNanos now);
  void mark(const ClosedWindow& window);
  std::int64_t number_of(UnixNanos start) const { return span_ == 0 ? start : start / span_; }

  const std::size_t rule_;
  const std::int64_t span_;
  const std::int64_t wait_;
  const std::size_t most_;
  const std::vector<Function> functions_;
  const bool keep_values_;
  std::unordered_map<std::string, Host> hosts_;
  std::vector<Host*> touched_;
  std::size_t entries_ = 0;
  std::uint64_t epoch_ = 1;
  UnixNanos looked_ = 0;
  std::uint64_t again_until_ = 0;  // position: what an earlier run read
  std::vector<ClosedWindow> closed_;
};

}  // namespace resmon::rule
