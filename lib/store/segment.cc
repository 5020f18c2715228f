// The one thing that matters here is the writer's time: every sample passes through, and what is written is deleted
// within the hour. A value is its difference from the column's last one in the segment, as a varint; a float with up to
// two decimals is its hundredths. That is a fifth of the plain cells, which makes the zstd pass (level 1) and SQLite's
// copying that much cheaper too.

#include "store/segment.h"

#include <zstd.h>

#include <cmath>

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

constexpr double kMaxHundredths = 1e13;

metric::Cell cell_of_hundredths(std::int64_t hundredths) {
  return metric::cell_of(static_cast<double>(hundredths) / 100);
}

// An even number is the difference in hundredths from `before` (hundredths too), 1 is eight plain bytes to come.
void put_float(metric::Cell cell, metric::Cell& before, std::string& out) {
  const double scaled = metric::as_float(cell) * 100;
  if (std::abs(scaled) < kMaxHundredths) {
    const auto hundredths = static_cast<std::int64_t>(scaled + (scaled < 0 ? -0.5 : 0.5));
    if (cell_of_hundredths(hundredths) == cell) {
      put_varint(out, zigzag(hundredths - static_cast<std::int64_t>(before)) << 1U);
      before = static_cast<metric::Cell>(hundredths);
      return;
    }
  }
  out.push_back(1);
  put_fixed(out, cell);
}

metric::Cell get_float(ByteReader& reader, metric::Cell& before) {
  const std::uint64_t code = reader.varint();
  if ((code & 1U) != 0) return reader.fixed<metric::Cell>();
  before += static_cast<metric::Cell>(unzigzag(code >> 1U));
  return cell_of_hundredths(static_cast<std::int64_t>(before));
}

}  // namespace

std::uint32_t SegmentWriter::shape(GroupId group, std::span<const Column> columns) {
  put_varint(buffer_, kNewShape);
  put_varint(buffer_, group);
  put_varint(buffer_, columns.size());
  shapes_.push_back({types_.size(), columns.size()});
  for (const Column& column : columns) {
    put_varint(buffer_, column.id);
    buffer_.push_back(static_cast<char>(column.type));
    types_.push_back(column.type);
    before_.push_back(0);
  }
  return static_cast<std::uint32_t>(shapes_.size() - 1);
}

void SegmentWriter::row(std::uint32_t shape, UnixNanos time, std::span<const std::size_t> fields,
                        std::span<const metric::Cell> cells, std::string_view text) {
  const Shape& of = shapes_[shape];
  put_varint(buffer_, std::uint64_t{shape} + 1);
  put_varint(buffer_, zigzag(static_cast<std::int64_t>(static_cast<std::uint64_t>(time) -
                                                       static_cast<std::uint64_t>(last_time_))));
  last_time_ = time;
  ++rows_;
  // All there is the usual case; otherwise the values there are, each with its place.
  const bool whole = fields.size() == of.columns;
  put_varint(buffer_, whole ? 0 : fields.size());
  for (const std::size_t field : fields) {
    if (!whole) put_varint(buffer_, field);
    const metric::Cell cell = cells[field];
    metric::Cell& before = before_[of.first + field];
    switch (types_[of.first + field]) {
      case metric::FieldType::kString: {
        const std::string_view value = metric::as_string(cell, text);
        put_varint(buffer_, value.size());
        buffer_.append(value);
        break;
      }
      case metric::FieldType::kFloat:
        put_float(cell, before, buffer_);
        break;
      default:
        put_varint(buffer_, zigzag(static_cast<std::int64_t>(cell - before)));
        before = cell;
    }
  }
}

std::string SegmentWriter::finish() const {
  std::string out;
  out.push_back(static_cast<char>(kFormat));
  std::string packed(ZSTD_compressBound(buffer_.size()), '\0');
  const std::size_t size = ZSTD_compress(packed.data(), packed.size(), buffer_.data(), buffer_.size(), 1);
  packed.resize(ZSTD_isError(size) != 0 ? 0 : size);
  put_fixed(out, crc32c(packed));
  return out + packed;
}

void SegmentWriter::clear() {
  buffer_.clear();
  shapes_.clear();
  types_.clear();
  before_.clear();
  rows_ = 0;
  last_time_ = 0;
}

Status read_segment(std::string_view bytes,
                    const std::function<Status(GroupId, UnixNanos, std::span<const SegmentValue>)>& visit) {
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
    GroupId group;
    std::vector<SegmentValue> columns;  // the cell is the last value
  };
  std::vector<Shape> shapes;
  std::vector<SegmentValue> values;
  std::uint64_t time = 0;
  ByteReader reader(buffer);
  while (!reader.empty()) {
    const std::uint64_t kind = reader.varint();
    if (kind == kNewShape) {
      Shape shape{static_cast<GroupId>(reader.varint()), {}};
      const std::uint64_t count = reader.varint();
      if (count > reader.rest().size()) return damaged("bad shape");
      for (std::uint64_t i = 0; i < count; ++i) {
        const auto id = static_cast<ColumnId>(reader.varint());
        const auto type = reader.fixed<std::uint8_t>();
        if (type >= metric::kFieldTypeCount) return damaged("bad shape");
        shape.columns.push_back({id, static_cast<metric::FieldType>(type), 0, {}});
      }
      if (reader.bad()) return damaged("cut short");
      shapes.push_back(std::move(shape));
      continue;
    }
    if (kind > shapes.size()) return damaged("a row without a shape");
    Shape& shape = shapes[kind - 1];
    time += static_cast<std::uint64_t>(unzigzag(reader.varint()));
    const std::uint64_t some = reader.varint();
    const std::uint64_t count = some == 0 ? shape.columns.size() : some;
    if (count > shape.columns.size()) return damaged("bad row");
    values.clear();
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint64_t index = some == 0 ? i : reader.varint();
      if (index >= shape.columns.size()) return damaged("bad row");
      SegmentValue& column = shape.columns[index];
      SegmentValue value = column;
      switch (value.type) {
        case metric::FieldType::kString:
          value.text = reader.take(reader.varint());
          break;
        case metric::FieldType::kFloat:
          value.cell = get_float(reader, column.cell);
          break;
        default:
          value.cell = column.cell += static_cast<metric::Cell>(unzigzag(reader.varint()));
      }
      values.push_back(value);
    }
    if (reader.bad()) return damaged("cut short");
    RESMON_TRY(visit(shape.group, static_cast<UnixNanos>(time), values));
  }
  return {};
}

}  // namespace resmon::store
