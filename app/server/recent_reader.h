#pragma once

// A reader's rows from some time on; its measurements, fields and series are there as they are.

#include <algorithm>

#include "store/reader.h"
#include "store/windows.h"

namespace resmon::server {

class RecentReader final : public store::Reader {
 public:
  // INT64_MIN: all rows, INT64_MAX: none. `reader` must outlive it.
  RecentReader(const store::Reader& reader, UnixNanos since) : reader_(reader), since_(since) {}

  std::vector<std::string> measurements() const override { return reader_.measurements(); }
  std::shared_ptr<const store::Listing> listing(std::string_view measurement) const override {
    return reader_.listing(measurement);
  }
  std::vector<store::Column> columns(std::string_view measurement) const override {
    return reader_.columns(measurement);
  }
  std::string no_room_for(std::string_view measurement, const metric::SharedList<metric::Tag>& tags,
                          const metric::SharedList<metric::Field>& fields) const override {
    return reader_.no_room_for(measurement, tags, fields);
  }
  Status scan(store::GroupId group, std::span<const store::ColumnId> columns, store::TimeRange range, bool descending,
              const store::BlockVisitor& visit) const override {
    range.first = std::max(range.first, since_);
    return range.first < range.last ? reader_.scan(group, columns, range, descending, visit) : Status();
  }
  // Also of the window that `since` falls into: all of it.
  Status scan_windows(const store::WindowRequest& request, const store::WindowVisitor& visit) const override {
    if (since_ == INT64_MAX) return {};
    store::WindowRequest some = request;
    some.range.first = std::max(some.range.first, store::window_start(since_, request.width));
    return some.range.first < some.range.last ? reader_.scan_windows(some, visit) : Status();
  }

 private:
  const store::Reader& reader_;
  const UnixNanos since_;
};

}  // namespace resmon::server
