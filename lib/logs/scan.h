#pragma once

// Iterates over the lines that a query must examine, block by block.

#include <functional>
#include <memory>
#include <vector>

#include "logs/search.h"

namespace resmon::logs {

// A block, or the head of a stream, with what could match.
struct Candidate {
  const std::string* host;
  const std::string* source;
  UnixNanos first_time;
  UnixNanos last_time;
  UnixNanos oldest_shown;  // older ones are not
  Day day;
  std::uint64_t order;         // of its stream and day: later lines have a higher one
  const Part* part = nullptr;  // with `block`, or
  const BlockInfo* block = nullptr;
  const HeadView* head = nullptr;
  Match match = Match::kSome;
};

// Lines of one candidate, with the columns that were asked for.
class CandidateLines {
 public:
  // kDamaged: the block cannot be read. Adds to the effort.
  // With a query, lines that surely do not match may be left out; then their messages are empty.
  static Result<CandidateLines> open(const Candidate& candidate, ColumnSet columns, Effort& effort,
                                     const Query* query = nullptr);
  bool left_out(std::size_t i) const { return block_.left_out(i); }
  // The same with more columns.
  Status add(ColumnSet columns, Effort& effort, const Query* query = nullptr);

  std::size_t size() const { return size_; }
  // Of millions of lines nothing else is asked, so a block's are read without a call.
  UnixNanos time(std::size_t i) const { return candidate_->head == nullptr ? block_.time(i) : time_in_head(i); }
  logline::Level level(std::size_t i) const { return candidate_->head == nullptr ? block_.level(i) : level_in_head(i); }
  // Valid until the next call.
  logline::Line line(std::size_t i);

 private:
  UnixNanos time_in_head(std::size_t i) const;
  logline::Level level_in_head(std::size_t i) const;

  const Candidate* candidate_ = nullptr;
  std::size_t size_ = 0;
  BlockLines block_;
  std::vector<logline::Field> fields_;
  std::vector<std::size_t> piece_ends_;  // of a head
};

class Scan {
 public:
  Scan(Store& store, const Query& query, const Scope& scope, const Bounds& bounds);

  // By their latest or earliest times, those that come first in the direction first.
  std::vector<Candidate>& candidates(Direction direction);
  // Whether the block's filter lets it have something. Adds to the effort.
  bool may_match(Candidate& candidate);
  // Nothing, or the bound that is reached.
  bool over(std::size_t memory_bytes = 0);
  Store& store() { return store_; }
  const Query& query() const { return query_; }
  UnixNanos start() const { return start_; }
  UnixNanos end() const { return end_; }

  Effort effort;

  // Every matching line of the scope, newest blocks first, until it is over or `take` says false. Returns the time from
  // which on all were shown. The line has `columns`, its time, and what the query needs.
  UnixNanos visit(ColumnSet columns, const std::function<void(const Candidate&, CandidateLines&, std::size_t)>& take,
                  const std::function<bool(const Candidate&)>& take_whole = nullptr,
                  const std::function<bool()>& enough = nullptr);

 private:
  Store& store_;
  const Query& query_;
  const Bounds bounds_;
  UnixNanos start_;
  UnixNanos end_;
  Snapshot snapshot_;
  std::vector<Candidate> candidates_;
};

}  // namespace resmon::logs
