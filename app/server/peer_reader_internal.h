#pragma once

// What the files of PeerReader share.

#include <deque>
#include <optional>

#include "base/mutex.h"
#include "peer_reader.h"
#include "store/rows.h"
#include "store/windows.h"

namespace resmon::server {

// A measurement that others have, too. Its column ids are places in `columns`.
struct PeerReader::Merged {
  enum class Has : std::uint8_t { kNo, kYes, kOtherType };
  struct Source {
    std::size_t peer = 0;
    RowSources::Catalog catalog;
    std::vector<Has> columns;  // by column
  };
  // Where a series is: here, and at which place in each source's catalog.
  struct Where {
    std::optional<store::GroupId> own;
    std::vector<std::optional<std::size_t>> in;
  };

  std::string name;
  store::GroupId first = 0;
  std::vector<store::Column> columns;  // sorted by name
  std::vector<std::optional<store::ColumnId>> own_columns;
  std::vector<Source> sources;
  std::deque<store::Group> groups;
  std::vector<Where> where;  // by group
  std::shared_ptr<const store::Listing> own;
  std::shared_ptr<const store::Listing> listing;

  // From `own` and `sources`: `columns` with where each is, and `groups`, whose ids are still to be given.
  void merge_columns();
  void merge_series();
};

// What is asked of one peer of some series alike.
struct PeerReader::Question {
  const Merged* merged = nullptr;
  std::size_t source = 0;
  std::vector<store::ColumnId> columns;  // that it has, ascending
  store::TimeRange range;
  bool descending = false;
  unsigned aggregates = 0;
  UnixNanos width = 0;
  bool alone = false;  // what follows of one series: no other is asked for with it

  std::string key() const;
};

// Answers to a question that came with others and were not used yet.
struct PeerReader::Fetched {
  Mutex asking;  // one page after the other: the next may have what another thread waits for
  std::unordered_map<store::GroupId, peer::Page::Series> series;  // guarded by the reader's mutex_
};

// Rows, or windows, of one series on one peer, block by block.
class PeerReader::Cursor {
 public:
  Cursor(const PeerReader& reader, Question question, store::GroupId group)
      : reader_(&reader), question_(std::move(question)), group_(group) {}

  // What has come and was not taken, never without rows; null at the end.
  const store::Rows* peek();
  void drop() { pending_.reset(); }
  // Takes from it what is at or before `bound`; at or after it when descending.
  store::Rows take_until(UnixNanos bound);

 private:
  bool more();  // asks for the next page

  const PeerReader* reader_;
  Question question_;
  store::GroupId group_;
  bool begun_ = false;
  bool whole_ = false;
  std::deque<store::Rows> blocks_;
  std::optional<store::Rows> pending_;
};

// The part of `rows` at or before `bound` (descending: at or after), taken out of it.
store::Rows take_part(store::Rows& rows, UnixNanos bound, bool descending);

}  // namespace resmon::server
