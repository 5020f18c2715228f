#pragma once

// Puts records behind all that are there: gives them their positions, decides where segments begin, and refuses what
// there is no room for. All in memory. Not synchronised: the journal's mutex guards it, but not Batch.
//
// `durable`: the last position that is.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "journal/blocks.h"
#include "journal/commit_trigger.h"
#include "journal/journal.h"
#include "journal/retention.h"
#include "journal/segments.h"
#include "journal/sizes.h"

namespace resmon::journal {

// Records to be appended, and what can be computed of them before the mutex is taken.
class Batch {
 public:
  // `bytes`: of Sizes::encoded_bytes. `at`: the first position; 0: the next; a higher one leaves those between out,
  // which takes a new segment. `weight`: of all records.
  Batch(std::span<const std::string_view> records, std::uint64_t bytes, std::uint64_t at, std::uint64_t weight);

  std::span<const std::string_view> records() const { return records_; }
  std::uint64_t bytes() const { return bytes_; }
  std::uint64_t at() const { return at_; }
  std::uint64_t weight() const { return weight_; }
  std::uint32_t checksum(std::size_t i) const { return many_.empty() ? few_[i] : many_[i]; }

 private:
  static constexpr std::size_t kFew = 64;

  std::span<const std::string_view> records_;
  std::uint64_t bytes_;
  std::uint64_t at_;
  std::uint64_t weight_;
  // Checksums of the records, without an allocation for few.
  std::uint32_t few_[kFew];
  std::vector<std::uint32_t> many_;
};

class Appender {
 public:
  // The others outlive it.
  Appender(const Options& options, const Sizes& sizes, Segments& segments, Blocks& blocks, Retention& retention,
           CommitTrigger& trigger)
      : buffer_bytes_(options.buffer_bytes),
        sizes_(sizes),
        segments_(segments),
        blocks_(blocks),
        retention_(retention),
        trigger_(trigger) {}

  // Before all else. `seed`: of record headers. `next`: the first position that this process gives out. `weight`: of
  // all records before.
  void begin(std::uint32_t seed, std::uint64_t next, std::uint64_t weight);

  // True if a record of `payload_bytes` (or more) begins a segment.
  bool begins_segment(std::size_t payload_bytes) const;
  // All of the batch or nothing. kUnavailable: there is no room. kInvalid: the position was given out before.
  Result<Appended> append(const Batch& batch, std::uint64_t durable);
  // Says behind the last record that all up to `durable` is, if the newest segment is still that one.
  bool put_mark_in(std::uint64_t group, std::uint64_t durable);
  void set_total_weight(std::uint64_t weight) { total_weight_ = weight; }

  std::uint64_t last_position() const { return last_position_; }
  void count_into(Stats& stats) const;

 private:
  bool may_append_to_newest() const;
  Unexpected<Error> refuse(const Batch& batch, std::string why);
  bool put_batch(const Batch& batch, std::uint64_t used, std::uint64_t reserve, std::uint64_t durable);
  void put_mark(std::uint64_t durable);
  void put(const RecordHeader& header, std::string_view payload);

  const std::uint64_t buffer_bytes_;
  const Sizes& sizes_;
  Segments& segments_;
  Blocks& blocks_;
  Retention& retention_;
  CommitTrigger& trigger_;
  std::uint32_t seed_ = 0;
  std::uint64_t session_first_ = 1;  // the first position that this process gives out
  std::uint64_t last_position_ = 0;
  std::uint64_t total_weight_ = 0;  // of all records up to last_position_
  std::uint64_t last_marked_ = 0;   // by the newest mark, or when this process began
  std::uint64_t appended_records_ = 0;
  std::uint64_t appended_bytes_ = 0;
  std::uint64_t refused_records_ = 0;
};

}  // namespace resmon::journal
