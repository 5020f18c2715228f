#include "peer/rows.h"

#include <algorithm>

#include "base/bytes.h"
#include "peer/parts.h"
#include "store/windows.h"

namespace resmon::peer {

namespace {

constexpr std::uint32_t kRowsMagic = 0x31515252;  // "RRQ1"
constexpr std::uint32_t kPageMagic = 0x31505252;  // "RRP1"
constexpr std::size_t kMostCells = 64U << 20U;    // of a page: empty ones take little of its bytes
enum PageTag : std::uint8_t { kPageEnd = 0, kPageSeries = 1, kPageBlock = 2, kPageWhole = 3, kPageCut = 4 };

bool present(std::span<const std::uint64_t> presence, std::size_t row) {
  return (presence[row / 64] >> (row % 64) & 1U) != 0;
}

void put_cell(ByteWriter& out, metric::FieldType type, metric::Cell cell, std::string_view text) {
  switch (type) {
    case metric::FieldType::kFloat:
      return out.u64(cell);
    case metric::FieldType::kInteger:
      return out.signed_varint(metric::as_integer(cell));
    case metric::FieldType::kUnsigned:
    case metric::FieldType::kBoolean:
      return out.varint(cell);
    case metric::FieldType::kString:
      return out.text(metric::as_string(cell, text));
  }
}

metric::Cell take_cell(ByteReader& in, metric::FieldType type, std::string& text) {
  switch (type) {
    case metric::FieldType::kFloat:
      return in.u64();
    case metric::FieldType::kInteger:
      return metric::cell_of(in.signed_varint());
    case metric::FieldType::kUnsigned:
      return in.varint();
    case metric::FieldType::kBoolean:
      return in.varint() != 0 ? 1 : 0;
    case metric::FieldType::kString: {
      const std::string_view value = in.text();
      text += value;
      return metric::string_cell(text.size() - value.size(), value.size());
    }
  }
  return 0;
}

Result<store::RowColumn> take_column(ByteReader& in, std::size_t rows, std::size_t& cells) {
  store::RowColumn column;
  column.id = static_cast<store::ColumnId>(std::min<std::uint64_t>(in.varint(), UINT32_MAX));
  const std::uint8_t type = in.u8();
  if (type >= metric::kFieldTypeCount) return fail(ErrorKind::kInvalid, "a column of no known type");
  column.type = static_cast<metric::FieldType>(type);
  cells += rows;
  if (cells > kMostCells) return fail(ErrorKind::kLimit, "a page with too many values");
  column.cells.resize(rows);
  column.presence.resize((rows + 63) / 64);
  const bool all = in.u8() != 0;
  for (std::size_t i = 0; i < column.presence.size(); ++i) {
    const std::uint64_t full = rows - 64 * i >= 64 ? ~0ULL : (1ULL << (rows - 64 * i)) - 1;
    column.presence[i] = all ? full : in.u64() & full;
  }
  for (std::size_t row = 0; row < rows && !in.failed(); ++row)
    if (present(column.presence, row)) column.cells[row] = take_cell(in, column.type, column.text);
  return column;
}

Result<store::Rows> take_block(ByteReader& in, std::size_t& cells) {
  store::Rows rows;
  const std::uint64_t count = in.varint();
  if (count == 0 || count > in.remaining()) return fail(ErrorKind::kInvalid, "a block that breaks off");
  rows.times.push_back(in.signed_varint());
  while (rows.times.size() < count) {
    const std::uint64_t step = in.varint();
    const UnixNanos last = rows.times.back();
    if (step == 0 || step > static_cast<std::uint64_t>(INT64_MAX) - static_cast<std::uint64_t>(last))
      return fail(ErrorKind::kInvalid, "a block with times out of order");
    rows.times.push_back(static_cast<UnixNanos>(static_cast<std::uint64_t>(last) + step));
  }
  const std::uint64_t columns = in.varint();
  for (std::uint64_t i = 0; i < columns && !in.failed(); ++i) {
    RESMON_ASSIGN(store::RowColumn column, take_column(in, rows.times.size(), cells));
    if (!rows.columns.empty() && column.id <= rows.columns.back().id)
      return fail(ErrorKind::kInvalid, "a block with columns out of order");
    rows.columns.push_back(std::move(column));
  }
  return rows;
}

}  // namespace

std::string write_rows_request(const RowsRequest& request) {
  std::string bytes;
  ByteWriter out(bytes);
  out.u32(kRowsMagic);
  out.text(request.measurement);
  out.varint(request.columns.size());
  for (const std::string& name : request.columns) out.text(name);
  out.varint(request.series.size());
  for (const std::vector<metric::Tag>& tags : request.series) put_tags(out, tags);
  out.signed_varint(request.range.first);
  out.signed_varint(request.range.last);
  out.u8(request.descending ? 1 : 0);
  out.varint(request.aggregates);
  out.signed_varint(request.width);
  return bytes;
}

Result<RowsRequest> read_rows_request(std::string_view bytes) {
  ByteReader in(bytes);
  if (in.u32() != kRowsMagic) return fail(ErrorKind::kUnsupported, "not a question of this version");
  RowsRequest request;
  request.measurement = in.text();
  for (std::uint64_t left = in.varint(); left > 0 && !in.failed(); --left) {
    if (request.columns.size() == kMostColumnsAsked) return fail(ErrorKind::kLimit, "too many columns at once");
    request.columns.emplace_back(in.text());
  }
  for (std::uint64_t left = in.varint(); left > 0 && !in.failed(); --left) {
    if (request.series.size() == kMostSeriesAsked) return fail(ErrorKind::kLimit, "too many series at once");
    request.series.push_back(take_tags(in));
  }
  request.range.first = in.signed_varint();
  request.range.last = in.signed_varint();
  request.descending = in.u8() != 0;
  request.aggregates = static_cast<unsigned>(in.varint() & ((1U << store::kAggregateCount) - 1));
  request.width = in.signed_varint();
  if (in.failed() || in.remaining() > 0) return fail(ErrorKind::kInvalid, "a question that breaks off");
  if (request.aggregates != 0) {
    if (request.width != store::kMinuteWidth && request.width != store::kHourWidth)
      return fail(ErrorKind::kInvalid, "there are windows of a minute and of an hour only");
    if (request.range.first % request.width != 0 || request.range.last % request.width != 0)
      return fail(ErrorKind::kInvalid, "a range that is not of whole windows");
  }
  return request;
}

PageWriter::PageWriter(std::string& out) : out_(out) {
  ByteWriter(out_).u32(kPageMagic);
}

void PageWriter::begin_series(std::size_t place) {
  ByteWriter out(out_);
  out.u8(kPageSeries);
  out.varint(place);
}

void PageWriter::put_times(std::span<const UnixNanos> times) {
  ByteWriter out(out_);
  out.u8(kPageBlock);
  out.varint(times.size());
  out.signed_varint(times.front());
  for (std::size_t i = 1; i < times.size(); ++i)
    out.varint(static_cast<std::uint64_t>(times[i]) - static_cast<std::uint64_t>(times[i - 1]));
}

void PageWriter::put_column(std::size_t id, metric::FieldType type, std::span<const metric::Cell> cells,
                            std::span<const std::uint64_t> presence, std::string_view text) {
  ByteWriter out(out_);
  out.varint(id);
  out.u8(static_cast<std::uint8_t>(type));
  bool all = true;
  for (std::size_t row = 0; row < cells.size() && all; ++row) all = present(presence, row);
  out.u8(all ? 1 : 0);
  if (!all)
    for (std::size_t i = 0; i < (cells.size() + 63) / 64; ++i) out.u64(presence[i]);
  for (std::size_t row = 0; row < cells.size(); ++row)
    if (present(presence, row)) put_cell(out, type, cells[row], text);
}

void PageWriter::add(const store::Block& block, std::span<const std::size_t> places,
                     std::span<const metric::FieldType> types) {
  if (block.times.empty()) return;
  put_times(block.times);
  ByteWriter(out_).varint(places.size());
  for (std::size_t i = 0; i < places.size(); ++i) {
    const store::Block::ColumnData& column = block.columns[i];
    put_column(places[i], types[i], column.cells.subspan(0, block.times.size()), column.presence, column.text);
  }
}

void PageWriter::add(const store::WindowBlock& block, std::span<const std::size_t> places,
                     std::span<const metric::FieldType> types) {
  if (block.starts.empty()) return;
  put_times(block.starts);
  std::size_t count = 0;
  for (const store::WindowBlock::ColumnData& column : block.columns)
    for (const auto& cells : column.cells) count += cells.empty() ? 0U : 1U;
  ByteWriter(out_).varint(count);
  for (std::size_t i = 0; i < places.size(); ++i)
    for (std::size_t a = 0; a < store::kAggregateCount; ++a) {
      const store::WindowBlock::ColumnData& column = block.columns[i];
      if (column.cells[a].empty()) continue;
      const auto aggregate = static_cast<store::Aggregate>(a);
      put_column(store::window_column(static_cast<store::ColumnId>(places[i]), aggregate),
                 store::aggregate_type(types[i], aggregate), column.cells[a].subspan(0, block.starts.size()),
                 column.presence, column.text);
    }
}

void PageWriter::end_series(bool whole) {
  ByteWriter(out_).u8(whole ? kPageWhole : kPageCut);
}

void PageWriter::finish() {
  ByteWriter(out_).u8(kPageEnd);
}

Result<Page> read_page(std::string_view bytes) {
  ByteReader in(bytes);
  if (in.u32() != kPageMagic) return fail(ErrorKind::kUnsupported, "not a page of rows of this version");
  Page page;
  bool open = false;
  std::size_t cells = 0;
  while (!in.failed()) {
    const std::uint8_t tag = in.u8();
    if (in.failed()) break;
    if (tag == kPageEnd && !open && in.remaining() == 0) return page;
    if (tag == kPageSeries && !open) {
      page.series.push_back({in.varint(), false, {}});
      open = true;
    } else if (tag == kPageBlock && open) {
      RESMON_ASSIGN(store::Rows rows, take_block(in, cells));
      page.series.back().blocks.push_back(std::move(rows));
    } else if ((tag == kPageWhole || tag == kPageCut) && open) {
      page.series.back().whole = tag == kPageWhole;
      open = false;
    } else {
      return fail(ErrorKind::kInvalid, "a page with a part of no known kind");
    }
  }
  return fail(ErrorKind::kInvalid, "a page that breaks off");
}

}  // namespace resmon::peer
