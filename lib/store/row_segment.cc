#include "store/row_segment.h"

#include <zstd.h>

#include "base/crc32c.h"
#include "store/bytes.h"

namespace resmon::store {

namespace {

constexpr std::uint8_t kFormat = 1;
constexpr std::uint64_t kMaxBytes = 256U << 20U;
constexpr std::uint64_t kNewShape = 0;  // otherwise a row, of the shape with this number less one

Unexpected<Error> damaged(const char* what) {
  return fail(ErrorKind::kDamaged, std::string("log segment: ") + what);
}

metric::Cell cell_of_hundredths(std::int64_t hundredths) {
  return metric::cell_of(static_cast<double>(hundredths) / 100);
}

// An even number is the difference in hundredths from `before` (hundredths too), 1 is eight plain bytes to come.
metric::Cell get_float(ByteReader& reader, metric::Cell& before) {
  const std::uint64_t code = reader.varint();
  if ((code & 1U) != 0) return reader.fixed<metric::Cell>();
  before += static_cast<metric::Cell>(unzigzag(code >> 1U));
  return cell_of_hundredths(static_cast<std::int64_t>(before));
}

}  // namespace

Status read_row_segment(std::string_view bytes, RowSegmentVisitor& visitor) {
  ByteReader outer(bytes);
  if (outer.fixed<std::uint8_t>() != kFormat) return damaged("unknown format");
  if (const auto checksum = outer.fixed<std::uint32_t>(); outer.bad() || crc32c(outer.rest()) != checksum)
    return damaged("wrong checksum");
  const unsigned long long size = ZSTD_getFrameContentSize(outer.rest().data(), outer.rest().size());
  if (size > kMaxBytes) return damaged("bad size");  // the two error values are larger still
  std::string buffer(size, '\0');
  if (ZSTD_decompress(buffer.data(), buffer.size(), outer.rest().data(), outer.rest().size()) != size)
    return damaged("does not decompress");

  struct Shape {
    std::size_t first = 0;  // of its columns in `columns` and `before`
    std::size_t count = 0;
  };
  std::vector<Shape> shapes;
  std::vector<SegmentColumn> columns;
  std::vector<metric::Cell> before;    // each column's last value
  std::vector<std::uint32_t> all;      // 0, 1, 2 …: the columns of a row that has them all
  std::vector<std::uint32_t> present;  // of one that has not
  std::vector<metric::Cell> cells;
  std::uint64_t time = 0;
  ByteReader reader(buffer);
  while (!reader.empty()) {
    const std::uint64_t kind = reader.varint();
    if (kind == kNewShape) {
      const auto group = static_cast<GroupId>(reader.varint());
      const std::uint64_t count = reader.varint();
      if (count > reader.rest().size()) return damaged("bad shape");
      const Shape shape{columns.size(), count};
      for (std::uint64_t i = 0; i < count; ++i) {
        const auto id = static_cast<ColumnId>(reader.varint());
        const auto type = reader.fixed<std::uint8_t>();
        if (type >= metric::kFieldTypeCount) return damaged("bad shape");
        columns.push_back({id, static_cast<metric::FieldType>(type)});
      }
      if (reader.bad()) return damaged("cut short");
      before.resize(columns.size());
      for (auto next = static_cast<std::uint32_t>(all.size()); next < count; ++next) all.push_back(next);
      cells.resize(all.size());
      shapes.push_back(shape);
      RESMON_TRY(visitor.shape(group, std::span(columns).subspan(shape.first)));
      continue;
    }
    if (kind > shapes.size()) return damaged("a row without a shape");
    const Shape& shape = shapes[kind - 1];
    time += static_cast<std::uint64_t>(unzigzag(reader.varint()));
    const std::uint64_t some = reader.varint();
    const std::uint64_t count = some == 0 ? shape.count : some;
    if (count > shape.count) return damaged("bad row");
    present.clear();
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint64_t index = some == 0 ? i : reader.varint();
      if (index >= shape.count) return damaged("bad row");
      if (some != 0) present.push_back(static_cast<std::uint32_t>(index));
      metric::Cell& last = before[shape.first + index];
      switch (columns[shape.first + index].type) {
        case metric::FieldType::kString: {
          const std::string_view text = reader.take(reader.varint());
          cells[i] = text.empty()
                         ? 0
                         : metric::string_cell(static_cast<std::size_t>(text.data() - buffer.data()), text.size());
          break;
        }
        case metric::FieldType::kFloat:
          cells[i] = get_float(reader, last);
          break;
        default:
          cells[i] = last += static_cast<metric::Cell>(unzigzag(reader.varint()));
      }
    }
    if (reader.bad()) return damaged("cut short");
    visitor.row({kind - 1, static_cast<UnixNanos>(time), std::span(some == 0 ? all : present).first(count),
                 std::span(cells).first(count), buffer});
  }
  return {};
}

}  // namespace resmon::store
