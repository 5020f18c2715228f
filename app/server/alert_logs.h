#pragma once

// What alerts ask of the store of log lines.

#include <array>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "alert/engine.h"
#include "logs/search.h"
#include "logs/store.h"

namespace resmon::server {

// Counts, for each rule about log lines, those of the last minutes by host, as they come and by their own times: what a
// spool brings hours later is not counted. Not thread-safe.
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
  static constexpr std::int64_t kSlots = 60;
  struct Counts {
    std::array<std::uint32_t, kSlots> slots{};
    std::int64_t newest = 0;  // the number of the slot, time / width
    bool fresh = false;       // not told yet
  };
  struct Query {
    alert::Engine::LogOperand operand;
    logs::Query query;
    std::int64_t width = 1;
    std::map<std::string, Counts, std::less<>> hosts;
  };

  void seed(Query& one, UnixNanos now);
  static void add(Query& one, std::string_view host, UnixNanos time, UnixNanos now);
  static double count(Query& one, Counts& counts, UnixNanos now);
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
