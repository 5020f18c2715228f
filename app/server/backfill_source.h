#pragma once

// Hands rows that a thread reads from the store to a sink, and knows up to which time the database has them.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "base/mutex.h"
#include "sink/source.h"

namespace resmon::server {

class BackfillSource final : public sink::Source {
 public:
  // What the reader is to do next.
  enum class Next {
    kGoOn,
    kRewind,  // to restart()
    kStop,
  };
  // Asked every 100 ms while the reader waits. False: stop.
  using Watch = std::function<bool()>;
  static constexpr std::size_t kMostQueued = 4;

  // `executor` runs one handler at a time, and the sink. Rows before `first` need not be sent.
  BackfillSource(boost::asio::any_io_executor executor, UnixNanos first);

  // The reader's thread. Waits while kMostQueued batches are not taken yet.
  Next put(std::shared_ptr<const metric::Batch> batch, const Watch& watch);
  // All rows before `time` were put.
  void mark(UnixNanos time);
  // All was put: waits until the database has it and nothing is to come again; a rewind can come for `settle` after the
  // last one.
  Next finish(std::chrono::steady_clock::duration settle, const Watch& watch);
  // After kRewind: from where to read again.
  UnixNanos restart();
  // The database acknowledged all rows before this time.
  UnixNanos delivered_before() const;
  // Of them, those that it had for the sink's resend window: a database that was killed has them, too.
  UnixNanos committed_before() const;

  // The sink's side.
  boost::asio::awaitable<std::optional<sink::Item>> next(std::chrono::steady_clock::time_point wait_until) override;
  void wake() override;
  void delivered(std::uint64_t position) override;
  void commit(std::uint64_t position) override;
  bool rewind() override;

 private:
  struct Place {
    std::uint64_t position;
    UnixNanos before;
  };
  void advance(Place& place, std::uint64_t position) const REQUIRES(mutex_);

  const boost::asio::any_io_executor executor_;
  boost::asio::steady_timer bell_;
  bool woken_ = false;  // the executor's, as bell_
  mutable Mutex mutex_;
  Condition changed_;
  std::deque<sink::Item> queue_ GUARDED_BY(mutex_);
  std::uint64_t put_ GUARDED_BY(mutex_) = 0;  // position of the last batch
  std::uint64_t delivered_ GUARDED_BY(mutex_) = 0;
  std::map<std::uint64_t, UnixNanos> marks_ GUARDED_BY(mutex_);  // by position: which rows are put with it
  Place acknowledged_ GUARDED_BY(mutex_);
  Place committed_ GUARDED_BY(mutex_);
  bool all_put_ GUARDED_BY(mutex_) = false;
  bool idle_ GUARDED_BY(mutex_) = false;  // the sink has delivered all that was put, and asked for more
  bool rewound_ GUARDED_BY(mutex_) = false;
  std::optional<std::chrono::steady_clock::time_point> rewound_at_ GUARDED_BY(mutex_);
};

}  // namespace resmon::server
