#pragma once

// What this server and its peers, or a database that all of them write to, have stored, as one: the same executor that
// answers a query from one store answers it from this, and so it comes out as if one store had all rows.
//
// A series that only one server has is read there: rows as rows, windows as windows. Of one that several have (a host
// that moved), rows are merged by time, exact repeats once; a window that only one has is that one's, and one that
// several have is made anew from their rows. Only where the rows are past their retention, such windows are added up.
// Answers of peers come in pages (peer/rows.h), several series at a time.
//
// Made for one request; its const methods may be called from several threads. A peer that does not answer is left out
// from then on, and lacking() says so.

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "peer/rows.h"
#include "row_sources.h"
#include "store/reader.h"

namespace resmon::server {

class PeerReader final : public store::Reader {
 public:
  // Both must outlive the reader.
  PeerReader(const store::Reader& own, RowSources& peers);
  ~PeerReader() override;

  std::vector<std::string> measurements() const override;
  std::shared_ptr<const store::Listing> listing(std::string_view measurement) const override;
  std::vector<store::Column> columns(std::string_view measurement) const override;
  std::string no_room_for(std::string_view measurement, const metric::SharedList<metric::Tag>& tags,
                          const metric::SharedList<metric::Field>& fields) const override {
    return own_.no_room_for(measurement, tags, fields);
  }
  void expect(std::span<const store::GroupId> groups) const override;
  Status scan(store::GroupId group, std::span<const store::ColumnId> columns, store::TimeRange range, bool descending,
              const store::BlockVisitor& visit) const override;
  Status scan_windows(const store::WindowRequest& request, const store::WindowVisitor& visit) const override;

  // Why the answer lacks something, for people; empty: it does not.
  std::string lacking() const;

 private:
  struct Merged;
  struct Question;
  class Cursor;
  class RowMerge;
  class WindowMerge;
  struct Fetched;
  const Merged* merged(std::string_view measurement) const;  // null: only this server has it
  std::unique_ptr<Merged> merge(const std::string& measurement) const;
  const Merged* of_group(store::GroupId group) const;
  void leave_out(std::size_t peer, const std::string& reason) const;
  bool left_out(std::size_t peer) const;
  peer::Page::Series fetch(const Question& question, store::GroupId group) const;
  std::vector<std::size_t> batch(const Question& question, const Fetched& fetched, store::GroupId group) const
      REQUIRES(mutex_);
  Status check_types(const Merged& merged, std::size_t group, std::span<const store::ColumnId> columns) const;
  std::vector<Cursor> cursors(const Merged& merged, std::size_t group, const Question& question) const;

  const store::Reader& own_;
  RowSources& peers_;
  const std::vector<std::size_t> present_;
  mutable Mutex mutex_;
  mutable std::map<std::string, std::unique_ptr<Merged>, std::less<>> merged_ GUARDED_BY(mutex_);
  mutable std::map<store::GroupId, const Merged*> by_first_ GUARDED_BY(mutex_);
  mutable store::GroupId next_group_ GUARDED_BY(mutex_);
  mutable std::map<std::size_t, std::string> left_out_ GUARDED_BY(mutex_);  // by peer: why
  mutable std::vector<store::GroupId> expected_ GUARDED_BY(mutex_);
  mutable std::unordered_map<store::GroupId, std::size_t> place_ GUARDED_BY(mutex_);  // in expected_
  mutable std::map<std::string, std::unique_ptr<Fetched>> fetched_ GUARDED_BY(mutex_);
};

}  // namespace resmon::server
