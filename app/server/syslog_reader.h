#pragma once

// Log lines as the measurement `syslog`, with the schema that Telegraf's input of that name has, so that what reads an
// InfluxDB (Grafana's own data source, Chronograf's log viewer) shows them. Everything else is the store's.
//
// Which series there are is found by one pass over the lines of the time that the statements are about; it counts
// them by minute, so count() reads no line twice. Messages are read by the log search, page by page, when a scan wants
// them. Made for one request; its const methods may be called from several threads.

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "influxql/parse/parser.h"
#include "logs/search.h"
#include "store/reader.h"

namespace resmon::server {

class SyslogReader final : public store::Reader {
 public:
  // `lines` may be null: then this is `base` alone. Both must outlive the reader. `text` is the request's, which says
  // whether `syslog` is meant and of what time. A measurement of this name in the store goes first.
  SyslogReader(const store::Reader& base, logs::Store* lines, std::string_view text, const influxql::Parameters& params,
               UnixNanos now, logs::Bounds bounds);
  ~SyslogReader() override;

  std::vector<std::string> measurements() const override;
  std::shared_ptr<const store::Listing> listing(std::string_view measurement) const override;
  std::vector<store::Column> columns(std::string_view measurement) const override;
  std::string no_room_for(std::string_view measurement, const metric::SharedList<metric::Tag>& tags,
                          const metric::SharedList<metric::Field>& fields) const override {
    return base_.no_room_for(measurement, tags, fields);
  }
  void expect(std::span<const store::GroupId> groups) const override { base_.expect(groups); }
  Status scan(store::GroupId group, std::span<const store::ColumnId> columns, store::TimeRange range, bool descending,
              const store::BlockVisitor& visit) const override;
  Status scan_windows(const store::WindowRequest& request, const store::WindowVisitor& visit) const override;

 private:
  struct Series;
  class Rows;
  void find_series() const;
  logs::SearchRequest request_for(const Series& series, store::TimeRange range, bool descending) const;

  const store::Reader& base_;
  logs::Store* lines_ = nullptr;
  bool asked_ = false;
  store::TimeRange range_;  // of the statements
  const logs::Bounds bounds_;
  mutable std::once_flag found_;
  mutable std::deque<Series> series_;
  mutable std::string error_;  // why not all of them were found
};

}  // namespace resmon::server
