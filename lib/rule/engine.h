#pragma once

// Applies a list of rules to rows. What a rule does to rows of one schema is worked out when the first of them comes,
// so that a row of a schema that no rule touches costs one look-up, and others what their own rules do.
//
// Not thread-safe, but for the statistics.

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "metric/batch.h"
#include "rule/rule.h"
#include "rule/series_table.h"
#include "rule/shape.h"
#include "rule/windows.h"

namespace resmon::rule {

struct EngineOptions {
  Place place = Place::kClient;
  Context context;
  // Whether rows are refused when the table of schemas is full.
  metric::SchemaTable::Room room = metric::SchemaTable::Room::kWithinLimit;
  std::size_t cache_bytes = 64U << 20U;  // of what is worked out for schemas; of more all is forgotten
};

// Counted in samples, since the start.
struct RuleStats {
  std::string name;
  std::uint64_t in = 0;       // of rows that the rule applied to
  std::uint64_t out = 0;      // that went on
  std::uint64_t dropped = 0;  // that it dropped; what is folded into windows is not
  std::uint64_t full = 0;     // of them: because max_series was reached, or too late for their window
  std::uint64_t series = 0;   // that it applies to now
};

// What happened to one row at one rule.
struct Trace {
  enum class Fate : std::uint8_t { kChanged, kKept, kDropped, kHeld, kMade };
  std::size_t rule = 0;
  Fate fate = Fate::kChanged;
  const metric::Schema* schema = nullptr;  // of the row after the rule, as the next two
  const metric::Batch* batch = nullptr;    // with that row alone, of a schema of the engine's own
};

class Engine {
 public:
  // `schemas` must outlive the engine.
  Engine(Config config, metric::SchemaTable& schemas, EngineOptions options);
  ~Engine();

  // False: no row of the batch is touched by any rule.
  bool touches(const metric::Batch& batch);
  // Appends what becomes of rows first … last-1, and of windows that are complete by them, to `out`. `moment`: when
  // they came. REQUIRES: `in` has a pin, if the table is swept
  void process(const metric::Batch& in, std::size_t first, std::size_t last, Moment moment, metric::Batch& out);
  // The same in place: rows that no rule touches stay where they are, so they cost a look-up. `row_ends`, of batches
  // that are joined in this one, are moved to where their rows end now; null: they are one. False: no rule touches any.
  bool edit(metric::Batch& batch, std::vector<std::size_t>* row_ends, Moment moment);
  // Appends windows that are complete by the clock.
  void advance(UnixNanos now, metric::Batch& out);
  // Appends all windows, complete or not.
  void flush(metric::Batch& out);

  // Of windows, for whoever keeps them over a restart.
  std::vector<ClosedWindow> take_closed();
  std::uint64_t oldest_position() const;  // of a row in an open window; UINT64_MAX: none is open
  void restore(const ClosedWindow& window);
  std::vector<ClosedWindow> pasts() const;  // hosts with windows older than what they had sent: rule, host, `start`
  void restore_newest(std::size_t rule, const std::string& host, UnixNanos newest);

  const Config& config() const { return config_; }
  std::vector<RuleStats> stats() const;  // any thread
  // For people who look on: `row` is told before each row of process(), `trace` of each rule that applied to it.
  void on_trace(std::function<void(const metric::Row&)> row, std::function<void(const Trace&)> trace) {
    trace_row_ = std::move(row);
    trace_ = std::move(trace);
  }

 private:
  enum class Fate { kOn, kDone, kDropped, kHeld };
  struct Work;
  struct Counters;
  // What becomes of rows of a schema id. Those that most rows need lie side by side, because a shape is as far away as
  // memory is: rows of ten thousand hosts have as many.
  enum class Way : std::uint8_t {
    kAsIs,    // no rule touches it
    kDrop,    // its first rule drops each row
    kSchema,  // all that happens is that one rule gives it another schema with the same columns
    kPick,    // the same, with some of its columns
    kRun,
  };
  struct KnownWay {  // of all that is known of an id, what each row needs
    std::uint32_t generation = 0;
    Way way = Way::kAsIs;
  };
  struct Known {
    bool settled = false;  // whether its way is no longer that of the first row
    bool texts = false;
    bool counted = false;                  // among the series of `rule`
    std::uint32_t rule = 0;                // the first that applies
    metric::SchemaId target = 0;           // of kSchema and kPick
    std::uint32_t target_generation = 0;   // the same
    std::uint32_t columns = 0;             // of kPick: of the other schema
    const std::uint32_t* picks = nullptr;  // and which of this schema's they are
    Shape* shape = nullptr;                // null: no rule touches it
  };

  Way way(metric::SchemaId id) {
    return id < ways_.size() && ways_[id].generation == schemas_.generation(id) ? ways_[id].way : learn(id);
  }
  Way learn(metric::SchemaId id);
  Shape* shape_of(metric::Schema schema);
  void forget_shapes();
  // Of a rule that remembers nothing of series, its schemas are its series.
  bool counts_schemas(std::size_t rule) const {
    return !tables_[rule] && !windows_[rule] && config_.rules[rule].verb != Verb::kLimit;
  }
  void begin(Moment moment);
  void end_batch(metric::Batch& out);
  void count_whole(Known& of, const metric::Batch& in, const metric::Row& row, bool goes_on);
  void prefetch(const std::vector<metric::Row>& rows, std::size_t at) const;
  void edit_row(metric::Row& row, metric::Batch& batch);
  static Way way_of(const Shape& shape);
  void pick(Known& of, const metric::Row& row, metric::Batch& batch);
  void settle(metric::SchemaId id);
  bool place(Shape& shape);
  void run(Work& work, std::size_t from, metric::Batch& out);
  bool applies(const Step& step, const Work& work) const;
  Fate apply(Step& step, Work& work);
  Fate change(Step& step, Work& work);
  void fill(Step& step, Work& work, SeriesState* state);
  static void round_values(const Step& step, Work& work);
  void redact_values(const Step& step, Work& work) const;
  Fate sample(const Step& step, Work& work);
  Fate dedup(const Step& step, Work& work);
  Fate limit(const Step& step, Work& work);
  Fate fold(Step& step, Work& work);
  SeriesState* rates(const Step& step, Work& work);
  void finish(metric::Batch& out, const std::function<void(Windows&, const Windows::Emit&)>& close);
  void emit_window(std::size_t rule, const Windows::Bucket& bucket, metric::Batch& out);
  void append(Work& work, metric::Batch& out);
  void tell(std::size_t rule, Trace::Fate fate, const Work& work);

  const Config config_;
  metric::SchemaTable& schemas_;
  const EngineOptions options_;
  bool any_windows_ = false;
  std::vector<KnownWay> ways_;  // by id, as the next
  std::vector<Known> known_;
  std::unordered_map<std::string, std::unique_ptr<Shape>> shapes_;
  std::unordered_map<std::string, std::unique_ptr<Plan>> plans_;  // by rule and list of fields
  std::size_t shape_bytes_ = 0;
  std::vector<std::unique_ptr<Windows>> windows_;                    // by rule; null: it has none
  std::vector<std::unique_ptr<SeriesTable>> tables_;                 // the same
  std::vector<std::unordered_map<std::string, SeriesTable>> hosts_;  // of `limit`: by host
  std::unique_ptr<Work> work_;
  std::unique_ptr<Work> made_;           // of windows
  std::vector<metric::Row> spare_rows_;  // for its memory, as the next
  std::vector<std::uint32_t> touched_;   // rows of a batch that rules touch
  std::vector<std::uint64_t> presence_;
  std::vector<metric::Cell> cells_;
  std::unique_ptr<Counters[]> counters_;
  std::function<void(const metric::Row&)> trace_row_;
  std::function<void(const Trace&)> trace_;
};

}  // namespace resmon::rule
