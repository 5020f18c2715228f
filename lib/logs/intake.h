#pragma once

// Makes received lines durable before they are acknowledged. It has a journal of its own, so that lines never use the
// samples' space, and the last sequence number of every client's stream. Thread-safe, except the functions of the
// reading thread.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "journal/journal.h"
#include "logline/line.h"
#include "logs/record.h"

namespace resmon::logs {

inline constexpr const char* kBlocksReader = "blocks";  // of records that are not in blocks

struct IntakeOptions {
  std::string directory;
  std::uint64_t limit_bytes = 256U << 20U;  // on disk, hard
  journal::Sync sync = journal::Sync::kInterval;
  std::chrono::milliseconds sync_interval{100};
  std::size_t max_streams = 100'000;     // of more, the longest unused are forgotten
  journal::FileSystem* files = nullptr;  // for tests
  bool own_thread = true;                // false: for tests, which call commit
};

class Intake final : public logline::Taker {
 public:
  static Result<std::unique_ptr<Intake>> open(IntakeOptions options);
  ~Intake() override;

  std::uint64_t acknowledged(const Stream& stream) override;
  Result<std::uint64_t> append(const Stream& stream, std::uint64_t sequence, std::string_view host,
                               std::string_view encoded, UnixNanos received) override;
  // Lines that nobody numbered: a second call takes them a second time.
  Result<std::uint64_t> append(std::string_view host, std::string_view encoded, UnixNanos received);
  std::uint64_t durable_position() override;
  void when_durable(std::uint64_t position, std::function<void()> done) override;

  // The reader of all records. What it committed leaves the journal.
  journal::Reader& reader() { return *reader_; }
  // One more reader, such as a sink's, from what comes next on. Where the journal is full it loses its oldest.
  Result<journal::Reader*> add_reader(const std::string& name);
  // Of names with this prefix, those that nobody added in this life hold nothing any more; they are returned.
  std::vector<journal::ReaderStats> forget_others(std::string_view prefix);
  // Positions up to there were given out before, also where the journal's end, or all of it, is lost.
  void skip_to(std::uint64_t position);
  // No more is taken, and readers that wait return.
  Status stop();
  Status commit() { return journal_->commit(); }
  journal::Stats stats() const { return journal_->stats(); }
  std::size_t max_lines_bytes() const;  // of one append

 private:
  struct Last {
    std::uint64_t sequence = 0;  // appended
    std::uint64_t position = 0;  // of its record
    std::uint64_t durable = 0;   // sequence
  };
  Intake(IntakeOptions options, std::unique_ptr<journal::Journal> journal);
  Status recover();
  void learn(const Stream& stream, std::uint64_t sequence, std::uint64_t position);
  void bound_streams() REQUIRES(mutex_);
  void ring(std::uint64_t durable);
  Result<std::uint64_t> append_record(Record& record) REQUIRES(mutex_);

  const IntakeOptions options_;
  const std::unique_ptr<journal::Journal> journal_;
  journal::Reader* reader_ = nullptr;

  Mutex mutex_;
  std::map<Stream, Last> streams_ GUARDED_BY(mutex_);
  std::string record_ GUARDED_BY(mutex_);
  bool stopped_ GUARDED_BY(mutex_) = false;
  std::uint64_t next_position_ GUARDED_BY(mutex_) = 0;  // 0: the journal's next

  Mutex waiting_mutex_;
  std::multimap<std::uint64_t, std::function<void()>> waiting_ GUARDED_BY(waiting_mutex_);  // by position
  std::uint64_t durable_ GUARDED_BY(waiting_mutex_) = 0;                                    // as told to them
};

}  // namespace resmon::logs
