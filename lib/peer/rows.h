#pragma once

// Rows, or windows, of some series, from one server to another: a page at a time, so that neither side holds more than
// that. A page has what comes first of the series asked for, in their order; of the last of them perhaps only a part,
// and then says so. No I/O; reading is bounded.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "metric/schema.h"
#include "store/reader.h"
#include "store/rows.h"

namespace resmon::peer {

inline constexpr std::size_t kMostSeriesAsked = 1024;
inline constexpr std::size_t kMostColumnsAsked = 4096;

struct RowsRequest {
  std::string measurement;
  std::vector<std::string> columns;
  std::vector<std::vector<metric::Tag>> series;
  store::TimeRange range;
  bool descending = false;
  unsigned aggregates = 0;  // as store::WindowRequest: not 0 asks for windows of that width
  UnixNanos width = 0;
};
std::string write_rows_request(const RowsRequest& request);
Result<RowsRequest> read_rows_request(std::string_view bytes);

// Writes a page. The columns of what it shows are those asked for, by their place; one that this server does not have
// is left out.
class PageWriter {
 public:
  explicit PageWriter(std::string& out);
  void begin_series(std::size_t place);
  // places[i], types[i]: of the block's i-th column.
  void add(const store::Block& block, std::span<const std::size_t> places, std::span<const metric::FieldType> types);
  void add(const store::WindowBlock& block, std::span<const std::size_t> places,
           std::span<const metric::FieldType> types);
  void end_series(bool whole);
  void finish();

 private:
  void put_times(std::span<const UnixNanos> times);
  void put_column(std::size_t id, metric::FieldType type, std::span<const metric::Cell> cells,
                  std::span<const std::uint64_t> presence, std::string_view text);

  std::string& out_;
};

struct Page {
  struct Series {
    std::size_t place = 0;
    bool whole = false;  // nothing of it is missing
    // In the order asked for. Columns have the place they were asked for as id, or store::window_column of it.
    std::vector<store::Rows> blocks;
  };
  std::vector<Series> series;
};
Result<Page> read_page(std::string_view bytes);

}  // namespace resmon::peer
