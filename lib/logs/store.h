#pragma once

// The server's lines: taken durably (intake.h), kept in memory until there are enough of a stream for a block, and then
// in files by day (part.h), until retention removes them.
//
//   append ──► journal ──durable──► writing thread ──► heads, one for each stream and day ──sealed──► files of blocks
//
// A block says up to which position of the journal it has its stream's lines of its day, so a start, which reads the
// journal again from the oldest line that is in no block, takes none twice. A kill -9 or a power cut at any moment
// leaves each acknowledged line once.
//
// Memory, the journal and the blocks each have a bound. When memory or half the journal is full, heads are sealed
// early, and such small blocks are merged with the next ones. When the blocks' bound is reached the oldest are removed.
// When the disk is full or fails, lines stay in the journal, and once that is full nothing more is taken: clients keep
// their lines. Thread-safe.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "logline/line.h"
#include "logs/intake.h"
#include "logs/part.h"

namespace resmon::logs {

// The retention of the sources that match a shell pattern (* and ?).
struct Retention {
  std::string name;
  std::string source = "*";
  std::chrono::seconds retain{0};  // 0: no bound
  std::uint64_t limit_bytes = 0;   // of all these sources' blocks; 0: no bound
};

struct Options {
  std::string directory;
  std::uint64_t journal_limit_bytes = 256U << 20U;
  std::uint64_t limit_bytes = 5ULL << 30U;  // of blocks
  std::uint64_t head_bytes = 24U << 20U;    // of lines in memory
  std::chrono::seconds retain{86'400 * 30};
  std::vector<Retention> retention;  // the first whose pattern fits goes before `retain`
  journal::Sync sync = journal::Sync::kInterval;
  std::chrono::milliseconds sync_interval{100};
  int level = 9;  // of zstd, for blocks
  const Clock* clock = &Clock::system();
  std::function<void(std::string_view)> at_step;  // for tests: called at named places of the writing thread
};

struct Stats {
  journal::Stats journal;
  std::uint64_t lines = 0;       // taken by this process
  std::uint64_t text_bytes = 0;  // of them
  std::uint64_t head_lines = 0;
  std::uint64_t head_bytes = 0;
  std::uint64_t block_lines = 0;
  std::uint64_t block_bytes = 0;  // of files
  std::uint64_t block_text_bytes = 0;
  std::uint64_t parts = 0;
  std::uint64_t blocks = 0;
  std::uint64_t streams = 0;
  std::uint64_t sealed_blocks = 0;   // by this process
  std::uint64_t expired_lines = 0;   // removed for their age
  std::uint64_t evicted_lines = 0;   // removed for a bound of bytes
  std::uint64_t damaged_blocks = 0;  // found since the start, also by searches
  std::uint64_t undecodable_records = 0;
  std::uint64_t tail_dropped_lines = 0;  // not shown to a live viewer that was too slow
  UnixNanos oldest = 0;                  // of blocks
  std::string error;                     // why lines wait now; empty when all is well
};

// Lines of one stream and day that are in no block yet: of what one record brought, these rows.
struct HeadPiece {
  std::shared_ptr<const logline::Lines> lines;
  std::shared_ptr<const std::vector<std::uint32_t>> rows;  // null: all
  std::size_t size() const { return rows ? rows->size() : lines->size(); }
  logline::Line line(std::size_t i) const { return (*lines)[rows ? (*rows)[i] : i]; }
};

struct HeadView {
  std::string host;
  std::string source;
  Day day = 0;
  UnixNanos first_time = 0;
  UnixNanos last_time = 0;
  std::vector<HeadPiece> pieces;
};

// Everything that is stored, at one moment.
struct Snapshot {
  struct StoredPart {
    Day day;
    std::shared_ptr<const Part> part;
  };
  std::vector<StoredPart> parts;  // of a stream and day in the order in which their lines came
  std::vector<HeadView> heads;    // of a stream and day all came later
};

// Lines as they come, for one live viewer.
struct Arrival {
  std::string host;
  std::shared_ptr<const logline::Lines> lines;
};
class Tail {
 public:
  // The lines since the last call, oldest first; `dropped` counts lines that did not fit.
  std::vector<Arrival> take(std::uint64_t& dropped);

 private:
  friend class Store;
  Mutex mutex_;
  std::deque<Arrival> waiting_ GUARDED_BY(mutex_);
  std::size_t bytes_ GUARDED_BY(mutex_) = 0;
  std::uint64_t dropped_ GUARDED_BY(mutex_) = 0;
};

class Store final : public logline::Taker {
 public:
  // kUnavailable or kDenied: the directory cannot be made, or another process has it. Damaged files are named in the
  // log, and left where they are.
  static Result<std::unique_ptr<Store>> open(Options options);
  ~Store() override;

  std::uint64_t acknowledged(const Stream& stream) override { return intake_->acknowledged(stream); }
  Result<std::uint64_t> append(const Stream& stream, std::uint64_t sequence, std::string_view host,
                               std::string_view encoded, UnixNanos received) override {
    return intake_->append(stream, sequence, host, encoded, received);
  }
  std::uint64_t durable_position() override { return intake_->durable_position(); }
  void when_durable(std::uint64_t position, std::function<void()> done) override {
    intake_->when_durable(position, std::move(done));
  }
  // Lines that nobody numbered, such as those of other programs over HTTP.
  Result<std::uint64_t> append(std::string_view host, const logline::Lines& lines, UnixNanos received);

  // As the functions of the same names in Intake.
  Result<journal::Reader*> add_reader(const std::string& name) { return intake_->add_reader(name); }
  std::vector<journal::ReaderStats> forget_others(std::string_view prefix) { return intake_->forget_others(prefix); }

  // Waits until all lines that are durable now can be searched, at most until `until`.
  void catch_up(std::chrono::steady_clock::time_point until);
  Snapshot snapshot();
  // Lines of `source` from before are not shown any more.
  UnixNanos oldest_shown(std::string_view source, UnixNanos now) const;
  std::shared_ptr<Tail> follow();

  // Seals everything, so that the journal has no line that is in no block.
  Status flush();
  // Removes all lines of a host; how many there were.
  Result<std::uint64_t> forget(const std::string& host);
  void count_damage(std::uint64_t blocks) { damaged_ += blocks; }

  Stats stats() const;
  // Empty, or why nothing is written now.
  std::string trouble() const;
  // Nothing more is taken. Lines in memory stay in the journal. Idempotent.
  Status close();

 private:
  struct Key {
    std::string host;
    std::string source;
    Day day = 0;
    auto operator<=>(const Key&) const = default;
  };
  struct Head {
    std::vector<HeadPiece> pieces;
    bool open = false;  // nobody else has or had the last piece: more may be added to it
    std::size_t lines = 0;
    std::size_t bytes = 0;  // in memory, about
    std::size_t text_bytes = 0;
    std::uint64_t first_position = 0;
    UnixNanos first_time = 0;
    UnixNanos last_time = 0;
    UnixNanos last_received = 0;
  };
  struct Sealed {
    std::vector<std::shared_ptr<Part>> parts;  // in order of number
    std::uint32_t next_number = 0;
  };

  explicit Store(Options options);
  Status load();
  Status load_day(Day day, const std::string& directory);
  void run();
  bool read_some(std::chrono::steady_clock::time_point until);
  void apply(const journal::Record& record);
  void apply_rows(const std::string& host, const std::shared_ptr<const logline::Lines>& lines, UnixNanos received,
                  std::uint64_t position);
  static std::size_t add_to(Head& head, const std::shared_ptr<const logline::Lines>& lines,
                            std::vector<std::uint32_t> rows);
  void show(const std::string& host, const std::shared_ptr<const logline::Lines>& lines);

  // Used by the writing thread, or with work_mutex_ held.
  void seal_due(UnixNanos now);
  Status seal_largest();
  Status seal_oldest();
  Status seal_all();
  Status seal(const Key& key);
  PartContent encode(const Key& key, std::span<const logline::Line> lines, std::uint64_t through) const;
  Status join_parts(const Key& key);
  Result<std::shared_ptr<Part>> write_part(const Key& key, std::uint32_t replaces_from, const PartContent& content);
  std::vector<std::shared_ptr<Part>> parts_of(const Key& key, std::uint32_t& next_number) const;
  // `of_head`: the key's head is in it.
  void publish(const Key& key, std::shared_ptr<Part> part, bool of_head);
  void commit_cursor();
  std::uint64_t pinned_position() const;
  void retain(UnixNanos now);
  void expire(UnixNanos now);
  void keep_bounds(std::uint64_t incoming);
  void evict(const std::function<bool(const Part&)>& counts, std::uint64_t limit, std::uint64_t incoming);
  void remove_part(const Key& key, const std::shared_ptr<Part>& part);
  std::string day_directory(Day day) const { return options_.directory + "/" + day_name(day); }
  void step(std::string_view name) const {
    if (options_.at_step) options_.at_step(name);
  }
  void note(const Status& status);

  const Options options_;
  std::unique_ptr<Intake> intake_;
  std::thread thread_;
  std::atomic<bool> stopping_{false};
  std::atomic<std::uint64_t> lines_{0};
  std::atomic<std::uint64_t> text_bytes_{0};
  std::atomic<std::uint64_t> sealed_blocks_{0};
  std::atomic<std::uint64_t> expired_{0};
  std::atomic<std::uint64_t> evicted_{0};
  std::atomic<std::uint64_t> damaged_{0};
  std::atomic<std::uint64_t> undecodable_{0};
  std::atomic<std::uint64_t> tail_dropped_{0};

  Mutex work_mutex_;  // who seals, merges and removes
  UnixNanos next_retention_ = 0;
  std::chrono::steady_clock::time_point retry_at_;  // of sealing, after a failure

  mutable Mutex mutex_;
  // Changed only with work_mutex_ held.
  std::map<Key, Head> heads_ GUARDED_BY(mutex_);
  std::map<Key, Sealed> sealed_ GUARDED_BY(mutex_);
  std::uint64_t head_bytes_ GUARDED_BY(mutex_) = 0;
  std::uint64_t block_bytes_ GUARDED_BY(mutex_) = 0;
  std::uint64_t applied_ GUARDED_BY(mutex_) = 0;  // position
  Condition applied_more_;
  std::vector<std::weak_ptr<Tail>> tails_ GUARDED_BY(mutex_);
  std::string trouble_ GUARDED_BY(mutex_);
};

}  // namespace resmon::logs
