#pragma once

// Lines that are in no block yet, of each stream and day, as they came. A reader gets shared pieces of them and copies
// nothing. Not thread-safe.

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "logline/line.h"
#include "logs/stream_day.h"

namespace resmon::logs {

inline constexpr std::size_t kLineBytes = 64;  // of a line in memory, beside its text, about

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

// Of one stream and day.
struct Head {
  std::vector<HeadPiece> pieces;
  bool open = false;  // nobody else has or had the last piece: more may be added to it
  std::size_t lines = 0;
  std::size_t bytes = 0;  // in memory, about
  std::size_t text_bytes = 0;
  std::uint64_t first_position = 0;  // in the journal
  UnixNanos first_time = INT64_MAX;
  UnixNanos last_time = INT64_MIN;
  UnixNanos last_received = 0;

  // These rows of `added`; how much memory that takes, about.
  std::size_t add(const std::shared_ptr<const logline::Lines>& added, std::vector<std::uint32_t> rows);
};

class Heads {
 public:
  // Lines of a record at this position of the journal, which is not below those before.
  void add(const StreamDay& key, const std::shared_ptr<const logline::Lines>& lines, std::vector<std::uint32_t> rows,
           UnixNanos received, std::uint64_t position);
  const Head* find(const StreamDay& key) const;  // null: there is none
  void remove(const StreamDay& key);             // nothing where there is none
  bool contains(const StreamDay& key) const { return heads_.contains(key); }
  std::uint64_t bytes() const { return bytes_; }
  // `visit(const StreamDay&, const Head&)`, in order.
  template <class Visit>
  void each(const Visit& visit) const {
    for (const auto& [key, head] : heads_) visit(key, head);
  }

  // Those that are large enough for some blocks, and those whose day is over.
  std::vector<StreamDay> due(UnixNanos now) const;
  std::optional<StreamDay> largest() const;
  std::optional<StreamDay> oldest() const;  // by position
  // Of the oldest line; UINT64_MAX where there is none.
  std::uint64_t first_position() const;
  // All, for a reader: what comes later is not added to the pieces that it got.
  std::vector<HeadView> views();

 private:
  std::map<StreamDay, Head> heads_;
  std::uint64_t bytes_ = 0;
};

}  // namespace resmon::logs
