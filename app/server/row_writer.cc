#include "row_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "ingest/rows.h"

namespace resmon::server {

namespace {

// What a record of the journal surely holds.
constexpr std::size_t kPieceCells = 100'000;
constexpr std::size_t kPieceTextBytes = 4U << 20U;

// f(field, length in bytes) for each string of the row.
template <class F>
void for_strings(const metric::Schema& schema, const metric::Batch& batch, const metric::Row& row, const F& f) {
  for (std::size_t i = 0; i < schema.fields.size(); ++i)
    if (schema.fields[i].type == metric::FieldType::kString && batch.has(row, i))
      f(schema.fields[i], metric::as_string(batch.value(row, i), batch.text()).size());
}

}  // namespace

std::string RowWriter::too_long(const metric::Batch& batch, const metric::Row& row) const {
  std::string out;
  const metric::Schema& schema = schemas_[row.schema];
  for_strings(schema, batch, row, [&](const metric::Field& field, std::size_t bytes) {
    if (bytes > store::kMaxStringBytes && out.empty())
      out = fmt::format("input field \"{}\" on measurement \"{}\" is too long, {} > {}", field.name, schema.measurement,
                        bytes, store::kMaxStringBytes);
  });
  return out;
}

std::size_t RowWriter::text_bytes(const metric::Batch& batch, const metric::Row& row) const {
  std::size_t out = 0;
  for_strings(schemas_[row.schema], batch, row, [&](const metric::Field&, std::size_t bytes) { out += bytes; });
  return out;
}

bool RowWriter::find_good(const metric::Batch& batch, UnixNanos now, Taken& taken, std::vector<std::size_t>& good) {
  const auto believed = ingest::TimeBounds::around(now, options_.max_past, options_.max_future);
  const UnixNanos refused_until = store_.refused_until(now);
  const bool may_be_long = batch.text().size() > store::kMaxStringBytes;
  std::vector<std::size_t> no_room;
  const std::string full = room_.find(batch, no_room);
  auto next_full = no_room.begin();
  for (std::size_t i = 0; i < batch.rows().size(); ++i) {
    const metric::Row& row = batch.rows()[i];
    std::string why;
    if (next_full != no_room.end() && *next_full == i) {
      why = full;
      ++next_full;
    } else if (!believed.has(row.time)) {
      why = "points too far from the server's time";
    } else if (row.time <= refused_until) {
      why = "points beyond retention policy";
      if (taken.too_old_measurement.empty()) {
        taken.too_old = row.time;
        taken.too_old_measurement = schemas_[row.schema].measurement;
      }
    } else if (may_be_long) {
      why = too_long(batch, row);
    }
    if (why.empty())
      good.push_back(i);
    else if (taken.dropped++ == 0)
      taken.why = std::move(why);
  }
  return taken.dropped == 0;
}

// Looks at each line by itself. Rare: something is wrong with one of them.
metric::Batch RowWriter::without_bad_lines(const metric::Batch& batch, UnixNanos now, Lines& lines, Taken& taken) {
  std::vector<std::size_t> good;
  std::size_t first = 0;
  for (const std::size_t end : lines.ends) {
    const std::vector<std::size_t> rows = ingest::row_range(first, end);
    first = end;
    const metric::Batch line = ingest::copy_rows(schemas_, batch, rows);
    Taken of_line;
    std::vector<std::size_t> ignored;
    (void)find_good(line, now, of_line, ignored);
    std::string why = std::move(of_line.why);
    if (why.empty()) why = types_.find(line, line).first;
    if (why.empty())
      good.insert(good.end(), rows.begin(), rows.end());
    else if ((taken.dropped += rows.size()) == rows.size())
      taken.why = why;
    lines.refused.push_back(std::move(why));
  }
  return ingest::copy_rows(schemas_, batch, good);
}

RowWriter::Prepared RowWriter::prepare(metric::Batch all, UnixNanos now, Lines* lines) {
  Prepared out;
  Taken& taken = out.taken;
  if (rules_ != nullptr) rules_->apply(all, lines == nullptr ? nullptr : &lines->ends);
  std::vector<std::size_t> good;
  const bool all_good = find_good(all, now, taken, good);
  out.batch = all_good ? std::move(all) : ingest::copy_rows(schemas_, all, good);
  taken.conflicts = types_.find(all_good ? out.batch : all, out.batch);
  if (lines == nullptr || (all_good && taken.conflicts.rows == 0)) return out;
  taken = {};
  out.batch = without_bad_lines(all_good ? out.batch : all, now, *lines, taken);
  return out;
}

Status RowWriter::write(Prepared& prepared, UnixNanos now) {
  const metric::Batch& batch = prepared.batch;
  const std::size_t rows = batch.rows().size();
  const bool much_text = batch.text().size() > kPieceTextBytes;
  for (std::size_t first = 0; first < rows;) {
    std::size_t text = 0, cells = 0;
    std::size_t last = first;
    for (; last < rows; ++last) {
      cells += metric::presence_words(batch.rows()[last].fields) + batch.rows()[last].fields;
      if (much_text) text += text_bytes(batch, batch.rows()[last]);
      if (last > first && (cells > kPieceCells || text > kPieceTextBytes)) break;
    }
    const bool whole = first == 0 && last == rows;
    metric::Batch piece;
    if (!whole) piece = ingest::copy_rows(schemas_, batch, ingest::row_range(first, last));
    RESMON_ASSIGN(const ingest::Log::Appended appended, log_.append(whole ? batch : piece, now));
    prepared.taken.position = appended.position;
    first = last;
  }
  return {};
}

Result<RowWriter::Taken> RowWriter::append(metric::Batch batch, UnixNanos now) {
  Prepared rows = prepare(std::move(batch), now);
  RESMON_TRY(write(rows, now));
  return std::move(rows.taken);
}

void RowWriter::acknowledged(std::uint64_t position) {
  std::uint64_t known = acknowledged_;
  while (known < position && !acknowledged_.compare_exchange_weak(known, position)) {
  }
}

}  // namespace resmon::server
