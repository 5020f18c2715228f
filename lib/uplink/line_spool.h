#pragma once

// The client's spool of log lines, apart from that of the samples: a flood of lines neither evicts nor delays a sample.
//
// One record has encoded lines and the marks of the sources that they moved: how far a file was read, a journal's
// cursor. Both become durable in one write, so neither can be without the other, and after a kill -9 each line is read
// from where the last record ended. The first record of each segment has all marks, so they outlive acknowledged and
// dropped lines. Bounded by bytes; when full the oldest lines are dropped, and counted.
//
// One thread, but for the journal's own, which syncs.

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "journal/journal.h"
#include "uplink/outbox.h"
#include "wire/lines.h"

namespace resmon::uplink {

struct LineSpoolOptions {
  std::string directory;
  std::uint64_t limit_bytes = 256U << 20U;
  std::chrono::milliseconds sync_interval{10'000};
  std::string owner;                     // the client's name: lines of another are sent in a new stream
  journal::FileSystem* files = nullptr;  // null: the real one
};

class LineSpool final : public Outbox {
 public:
  struct Mark {
    std::string key;
    std::string value;  // empty: the key is forgotten
  };
  using Marks = std::map<std::string, std::string, std::less<>>;
  static constexpr std::size_t kMaxMarkBytes = 8U << 10U;  // of a key and its value

  static Result<std::unique_ptr<LineSpool>> open(const LineSpoolOptions& options);

  // As the last record left them.
  const Marks& marks() const { return marks_; }
  // `encoded` may be empty: marks alone. kUnavailable: not now, and nothing of it was taken. kLimit: never.
  Status push(std::string_view encoded, std::uint32_t lines, std::span<const Mark> marks);

  std::uint64_t dropped_lines() const { return reader_->stats().dropped_weight + lost_lines_; }  // ever
  std::uint64_t disk_bytes() const { return journal_->stats().disk_bytes; }
  // The size on disk of unacknowledged records.
  std::uint64_t backlog_bytes() const { return backlog_bytes_; }
  std::string error() const { return journal_->stats().error; }
  std::vector<std::string> take_findings() { return std::move(findings_); }

  wire::Carries carries() const override { return wire::Carries::kLines; }
  const wire::StreamId& stream() const override { return stream_; }
  std::uint64_t epoch() const override { return epoch_; }
  bool empty() const override { return backlog_records_ == 0; }
  std::uint64_t first() const override { return first_; }
  std::uint64_t backlog() const override { return backlog_lines_; }
  std::string_view backlog_name() const override { return "backlog_lines"; }
  void acknowledge(std::uint64_t sequence) override;
  bool resume_after(std::uint64_t sequence) override;
  void begin() override;
  void end() override { encoder_.reset(); }
  Result<Encoded> encode(std::uint64_t from, std::uint32_t max_frame_bytes, std::string& out) override;

 private:
  // The facts about one number.
  struct Entry {
    std::uint32_t lines = 0;
    std::uint32_t bytes = 0;  // 0: there is no record of this number
    bool sends = false;       // it has lines
  };

  LineSpool(const LineSpoolOptions& options, std::unique_ptr<journal::Journal> journal);
  Status recover();
  Status recover_marks();
  Result<std::uint64_t> recover_entries();
  void count_missing(std::uint64_t lines_there);
  void apply(std::string_view record);
  std::string build(std::string_view encoded, std::uint32_t lines, std::span<const Mark> marks, bool all) const;
  void begin_stream();
  void forget_front();
  void drop_before(std::uint64_t first_kept);
  void hand_over();
  Result<bool> next_record(std::uint64_t from);

  const LineSpoolOptions options_;
  std::unique_ptr<journal::Journal> journal_;
  journal::Reader* reader_ = nullptr;
  std::vector<std::string> findings_;
  Marks marks_;
  wire::StreamId stream_{};
  std::string recovered_owner_;
  bool stream_known_ = false;
  std::uint64_t epoch_ = 0;

  std::uint64_t first_ = 1;
  std::deque<Entry> entries_;  // of each number from first_ on
  std::uint64_t last_ = 0;
  std::uint64_t handed_over_ = 0;  // the kernel has all up to it
  std::uint64_t highest_sent_ = 0;
  std::uint64_t backlog_records_ = 0;
  std::uint64_t backlog_lines_ = 0;
  std::uint64_t backlog_bytes_ = 0;
  std::uint64_t lost_lines_ = 0;  // unreadable on disk, or refused for their size

  // Sending.
  std::unique_ptr<wire::LinesEncoder> encoder_;
  std::span<const journal::Record> records_;
  std::size_t next_in_records_ = 0;
  std::uint64_t placed_at_ = 0;  // the number that the reader is at; 0: at its committed position
};

}  // namespace resmon::uplink
