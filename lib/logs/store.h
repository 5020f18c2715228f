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
//
// The class is the writing thread and says what happens when. What is done is its parts':
//   Intake          received lines durably into the journal
//   Contents        all that can be searched: Heads and PartTable under one lock
//   Sealer          which heads become files, and when, with PartWriter
//   PartRemover     which files go, by age, bytes or host
//   RetentionRules  how long a source's lines are kept
//   Tails           live viewers
//
// Locks, always taken in this order: work_mutex_, then that of Contents.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "logline/line.h"
#include "logs/contents.h"
#include "logs/intake.h"
#include "logs/options.h"
#include "logs/part_remover.h"
#include "logs/retention.h"
#include "logs/sealer.h"
#include "logs/tails.h"

namespace resmon::logs {

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
  Snapshot snapshot() { return contents_.snapshot(); }
  // Lines of `source` from before are not shown any more.
  UnixNanos oldest_shown(std::string_view source, UnixNanos now) const { return retention_.oldest_shown(source, now); }
  std::shared_ptr<Tail> follow() { return tails_.follow(); }  // null: there are too many

  // Seals everything, so that the journal has no line that is in no block.
  Status flush();
  // Removes all lines of a host; how many there were.
  Result<std::uint64_t> forget(const std::string& host);
  void count_damage(std::uint64_t blocks) { counters_.damaged_blocks += blocks; }

  Stats stats() const;
  // Empty, or why nothing is written now.
  std::string trouble() const;
  // Nothing more is taken. Lines in memory stay in the journal. Idempotent.
  Status close();

 private:
  explicit Store(Options options);
  Status start();
  void run();
  void read_some(std::chrono::steady_clock::time_point until);
  void apply(const journal::Record& record) REQUIRES(work_mutex_);
  void commit_cursor() REQUIRES(work_mutex_);
  void note(const Status& status);

  const Options options_;
  const RetentionRules retention_;
  Counters counters_;
  Contents contents_;
  Tails tails_;
  std::unique_ptr<Intake> intake_;
  std::thread thread_;
  std::atomic<bool> stopping_{false};

  Mutex work_mutex_;  // who adds to the contents, seals, merges and removes
  PartRemover remover_ GUARDED_BY(work_mutex_);
  Sealer sealer_ GUARDED_BY(work_mutex_);

  mutable Mutex trouble_mutex_;
  std::string trouble_ GUARDED_BY(trouble_mutex_);
};

}  // namespace resmon::logs
