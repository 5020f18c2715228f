#pragma once

// The source of a SELECT: a stored measurement, or the answer of a subquery in the same form.

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "influxql/parse/ast.h"
#include "influxql/response.h"
#include "metric/schema.h"
#include "store/reader.h"

namespace resmon::influxql {

class Table {
 public:
  using Column = store::Column;

  virtual ~Table() = default;
  const std::string& name() const { return name_; }
  virtual const std::vector<Column>& columns() const = 0;
  virtual const std::vector<std::string>& tag_keys() const = 0;  // sorted
  int column(std::string_view name) const;                       // -1 where there is none
  bool has_tag(std::string_view key) const;

  virtual std::size_t series() const = 0;
  virtual const std::vector<metric::Tag>& tags(std::size_t series) const = 0;
  // The series with that tag, ascending; nothing where the table has no index, or `value` is empty.
  virtual std::optional<std::span<const std::uint32_t>> series_with(std::string_view key, std::string_view value) const;
  // And with a tag whose value the expression matches; null where the table has no index, or the empty text matches.
  virtual store::Listing::Places series_matching(std::string_view key, const Regex& regex) const;
  // Whether rows of several series are to be merged by time. A subquery that chooses one row a group is not in order of
  // time.
  bool in_order() const { return in_order_; }
  // As store::Reader::expect.
  virtual void expect(std::span<const std::size_t> /*series*/) const {}
  // Rows with first <= time <= last that have a value in one of `columns`; blocks as store::Reader::scan gives them,
  // but a subquery's may hold several rows of one time.
  virtual Status scan(std::size_t series, std::span<const int> columns, UnixNanos first, UnixNanos last,
                      bool descending, const store::BlockVisitor& visit) const = 0;
  // A stored measurement, which has scan_windows(); false: the answer of a subquery.
  virtual bool is_stored() const { return false; }
  // As store::Reader::scan_windows. REQUIRES: is_stored(), and `range` in whole windows.
  virtual Status scan_windows(std::size_t series, std::span<const int> columns, unsigned aggregates,
                              store::TimeRange range, UnixNanos width, const store::WindowVisitor& visit) const;

 protected:
  std::string name_;
  bool in_order_ = true;
};

using store::tag_value;

// Null where the measurement is not known.
std::shared_ptr<const Table> open_measurement(const store::Reader& reader, const std::string& name);

// One series of a SELECT's answer before it gets its column of times.
struct Rows {
  std::string name;
  std::vector<metric::Tag> tags;  // sorted by key
  std::vector<UnixNanos> times;
  std::vector<Cell> cells;  // row after row
};

// A table for each name among `answer`; `columns` are the columns of its rows. Rows are put in ascending order of time.
std::vector<std::shared_ptr<const Table>> tables_of(std::vector<Rows> answer, const std::vector<std::string>& columns,
                                                    bool ascending, bool in_order);

}  // namespace resmon::influxql
