#pragma once

// What alerts ask of the store of log lines.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "alert/engine.h"
#include "logs/search.h"
#include "logs/store.h"

namespace resmon::server {

// Counts, for each rule about log lines, those of its window by host, by the lines' own times. A line that comes late
// counts in the windows that it belongs to, as long as they ended at most ten minutes ago (ten windows, where that is
// less): of them the one with most lines is told. What a spool brings hours later is not counted. Not thread-safe.
class LineCounter {
 public:
  // `store` may be null: then nothing is counted. It must outlive the counter.
  explicit LineCounter(logs::Store* store) : store_(store) {}

  // Counts what the engine's rules ask for, beginning with the lines of their windows that are stored already.
  void use(const alert::Engine& engine, UnixNanos now);
  // Takes the lines that came, and tells the engine: of hosts with new lines at most once a second, of the others every
  // five. False: nothing was told.
  bool run(alert::Engine& engine, UnixNanos now);

 private:
  static constexpr std::int64_t kWindowSlots = 60;
  static constexpr std::int64_t kMostLateSlots = 10 * kWindowSlots;
  struct Counts {
    std::vector<std::uint32_t> slots;  // by number, modulo their count
    std::int64_t newest = 0;           // the number of the slot, time / width
    std::int64_t late_from = 0;        // the oldest slot with a line that was not told; with `fresh`
    bool fresh = false;                // not told yet
  };
  struct Query {
    alert::LogOperand operand;
    logs::Query query;
    std::int64_t width = 1;
    std::int64_t slots = 0;  // of the window and of the lines that may be late
    std::map<std::string, Counts, std::less<>> hosts;
  };

  void seed(Query& one, UnixNanos now);
  static Counts* add(Query& one, std::string_view host, UnixNanos time, UnixNanos now);
  static void move_on(const Query& one, Counts& counts, UnixNanos now);
  static double most_lines(const Query& one, const Counts& counts);
  void take(UnixNanos now);

  logs::Store* const store_;
  std::shared_ptr<logs::Tail> tail_;
  std::vector<Query> queries_;
  UnixNanos told_ = 0;
  UnixNanos told_all_ = 0;
};

// The last lines of the host that are errors or worse, of a quarter of an hour, oldest first, each cut at 200 bytes.
std::vector<std::string> last_errors(logs::Store& store, const std::string& host, UnixNanos now);
// How many lines of the hour before `now` the query finds on the host, in 30 parts.
std::vector<double> recent_lines(logs::Store& store, const std::string& query, const std::string& host, UnixNanos now);
// The times of all lines that the query finds, by host, each in order; 1,000,000 lines at most. `host`: only of this
// one; empty: of all. `until` ends it early.
std::map<std::string, std::vector<UnixNanos>> line_times(logs::Store& store, const std::string& query,
                                                         const std::string& host, UnixNanos from, UnixNanos to,
                                                         std::chrono::steady_clock::time_point until);

}  // namespace resmon::server
