#pragma once

// What a sink with rules reads: the log's entries as the rules leave them, and the windows that are complete.
//
// Windows follow the sink's cursor: it stays before the first row of the oldest window that is open or not delivered.
// Beside it stands which windows were delivered that have rows behind it, in a file, so that a log that is read again
// after a kill gives no window a second time with a part of its rows only. The file is written before the cursor moves.

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "log_source.h"
#include "rule/engine.h"
#include "sink/source.h"

namespace resmon::server {

class RuleSource final : public sink::Source {
 public:
  // `inner` and `schemas` must outlive it. `file`: where windows are noted; `log_id`: which log the positions are of.
  RuleSource(LogSource& inner, const rule::Config& config, metric::SchemaTable& schemas, std::string file,
             std::uint64_t log_id);

  boost::asio::awaitable<std::optional<sink::Item>> next(std::chrono::steady_clock::time_point wait_until) override;
  void commit(std::uint64_t position) override;
  void delivered(std::uint64_t position) override;
  // Reads the log again from the cursor on, as after a restart: windows that are committed do not come again, others
  // do, made of the same rows.
  bool rewind() override;
  void wake() override { inner_.wake(); }
  // As LogSource's.
  void renew_pin();
  std::vector<rule::RuleStats> stats() const;
  bool has_windows() const { return windows_; }

 private:
  struct Made {  // an item that the sink has
    // The log's position and behind it, in kNumberBits, the how many-th item since: an item that comes again has about
    // the same number.
    std::uint64_t number;
    std::uint64_t position;  // in the log
  };
  struct Unsent {
    std::uint64_t number;  // of the item that it is in
    rule::ClosedWindow window;
  };
  void load();
  void settle();
  std::string content(std::uint64_t position) const;
  std::shared_ptr<metric::Batch> take_batch();
  std::shared_ptr<rule::Engine> make_engine(const rule::Config& config) const;

  LogSource& inner_;
  metric::SchemaTable& schemas_;
  const std::string file_;
  const std::uint64_t log_id_;
  const bool windows_;
  std::shared_ptr<rule::Engine> engine_;                     // replaced under mutex_
  std::vector<rule::RuleStats> counted_ GUARDED_BY(mutex_);  // by the engines before
  mutable Mutex mutex_;
  std::shared_ptr<metric::Batch> batch_ GUARDED_BY(mutex_);  // the pointer; its rows are not; null while it is filled
  std::uint64_t number_ = 0;                                 // of the last item
  std::uint64_t position_ = 0;                               // of the log's last entry that was read
  std::uint64_t skip_until_ = 0;                             // entries up to there are delivered
  std::uint64_t delivered_ = 0;                              // position
  std::uint64_t settled_ = 0;                                // position of the cursor
  std::deque<Made> made_;
  std::deque<Unsent> unsent_;
  std::vector<rule::ClosedWindow> sent_;  // with rows behind the cursor
  std::chrono::steady_clock::time_point settle_at_;
  bool complained_ = false;
};

}  // namespace resmon::server
