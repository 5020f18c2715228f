#pragma once

// The durable state of alerts: alerts.db. One transaction writes the state of alerts, the outbox, the history and the
// position in the log up to which they are evaluated. So a kill at any moment neither loses a change of state nor
// queues its message twice. (A message can still arrive twice if the process ends between its delivery and the
// transaction that records it.) Every list is bounded; dropped entries are counted. Not thread-safe.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "alert/engine.h"
#include "alert/notifier.h"
#include "base/result.h"
#include "store/database.h"

namespace resmon::alert {

inline constexpr std::size_t kMostOutbox = 10'000;
inline constexpr std::size_t kMostHistory = 20'000;
inline constexpr std::size_t kMostSilences = 1'000;

// How long after the attempt of this number (from 0) failed the next one follows: 5 s, 10 s, … 10 min.
inline std::int64_t retry_wait(std::int64_t attempts) {
  constexpr std::int64_t kFirst = 5'000'000'000, kLast = 600'000'000'000;
  return attempts >= 7 ? kLast : std::min(kFirst << std::max<std::int64_t>(attempts, 0), kLast);
}

struct OutboxEntry {
  std::int64_t id = 0;
  std::string channel;
  UnixNanos created = 0;
  UnixNanos next_try = 0;
  std::int64_t attempts = 0;
  std::string last_error;
  std::string message;  // JSON
};

struct HistoryEntry {
  std::int64_t id = 0;
  UnixNanos time = 0;
  std::string rule, host;
  std::vector<metric::Tag> tags;
  std::string severity;
  std::string state;  // "firing" or "ok"
  double value = 0;
  std::string value_text, limit_text;
  UnixNanos since = 0;
  bool late = false;
  std::string reason;
};

// How far the log was read: its number and what Progress says.
struct Mark {
  std::uint64_t log = 0;
  std::uint64_t position = 0;
  std::uint64_t samples = 0;
  UnixNanos received = 0;
};

class Book {
 public:
  static Result<std::unique_ptr<Book>> open(const std::string& path);

  struct Kept {
    std::vector<AlertRecord> alerts;
    std::optional<Mark> mark;
  };
  Result<Kept> load();
  // All at once: `alerts` replaces what was kept.
  Status keep(const Mark& mark, const std::vector<AlertRecord>& alerts, const std::vector<HistoryEntry>& history,
              const std::vector<Outgoing>& messages, UnixNanos now);

  // Those to be tried now, oldest first, of channels that are not in `busy`.
  Result<std::vector<OutboxEntry>> due(UnixNanos now, std::size_t most);
  Result<std::int64_t> waiting();
  Status delivered(const std::vector<std::int64_t>& ids);
  Status failed(const std::vector<std::int64_t>& ids, UnixNanos next_try, const std::string& reason);
  std::uint64_t dropped() const { return dropped_; }  // messages, for the bound, since the start

  // Newest first, before `before` (an id; 0: from the newest). `host` and `rule`: empty for all.
  Result<std::vector<HistoryEntry>> history(std::int64_t before, std::size_t most, const std::string& host,
                                            const std::string& rule);
  // Those that are not written to the store yet.
  Result<std::vector<HistoryEntry>> unstored(std::size_t most);
  Status stored(std::int64_t up_to);

  Result<std::vector<Silence>> silences();
  Result<std::int64_t> add_silence(const Silence& silence);
  Result<bool> end_silence(std::int64_t id, UnixNanos now);  // false: there is none
  Status forget_silences(UnixNanos ended_before);

 private:
  explicit Book(store::Database database) : database_(std::move(database)) {}
  Status make_tables();
  Result<std::vector<HistoryEntry>> read_history(store::Statement& statement);

  store::Database database_;
  std::uint64_t dropped_ = 0;
};

}  // namespace resmon::alert
