#include "influxql/plan/table.h"

#include <algorithm>
#include <map>
#include <set>

#include "influxql/parse/time_text.h"

namespace resmon::influxql {

int Table::column(std::string_view name) const {
  const std::vector<Column>& all = columns();
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i].name == name) return static_cast<int>(i);
  }
  return -1;
}

bool Table::has_tag(std::string_view key) const {
  return std::binary_search(tag_keys().begin(), tag_keys().end(), key);
}

Status Table::scan_windows(std::size_t /*series*/, std::span<const int> /*columns*/, unsigned /*aggregates*/,
                           store::TimeRange /*range*/, UnixNanos /*width*/,
                           const store::WindowVisitor& /*visit*/) const {
  return fail(ErrorKind::kInternal, "a table without windows");
}

std::optional<std::span<const std::uint32_t>> Table::series_with(std::string_view /*key*/,
                                                                 std::string_view /*value*/) const {
  return std::nullopt;
}

store::Listing::Places Table::series_matching(std::string_view /*key*/, const Regex& /*regex*/) const {
  return nullptr;
}

namespace {

class StoredTable final : public Table {
 public:
  StoredTable(const store::Reader& reader, const std::string& name, std::shared_ptr<const store::Listing> listing)
      : reader_(reader), listing_(std::move(listing)) {
    name_ = name;
  }

  const std::vector<Column>& columns() const override { return listing_->columns(); }
  const std::vector<std::string>& tag_keys() const override { return listing_->tag_keys(); }
  std::size_t series() const override { return listing_->groups().size(); }
  const std::vector<metric::Tag>& tags(std::size_t series) const override { return listing_->groups()[series]->tags; }
  std::optional<std::span<const std::uint32_t>> series_with(std::string_view key,
                                                            std::string_view value) const override {
    if (value.empty()) return std::nullopt;  // also those without the tag
    return listing_->with_tag(key, value);
  }
  store::Listing::Places series_matching(std::string_view key, const Regex& regex) const override {
    if (regex.matches({})) return nullptr;  // also those without the tag
    return listing_->with_tag_in(
        key, {regex.pattern(), regex.prefix(), [&](std::string_view value) { return regex.matches(value); }});
  }

  void expect(std::span<const std::size_t> series) const override {
    std::vector<store::GroupId> ids;
    ids.reserve(series.size());
    for (const std::size_t one : series) ids.push_back(group(one));
    reader_.expect(ids);
  }

  Status scan(std::size_t series, std::span<const int> columns, UnixNanos first, UnixNanos last, bool descending,
              const store::BlockVisitor& visit) const override {
    std::vector<store::ColumnId> ids;
    ids.reserve(columns.size());
    for (const int column : columns) ids.push_back(this->columns()[static_cast<std::size_t>(column)].id);
    if (last < first) return {};
    const store::TimeRange range{first, last == INT64_MAX ? INT64_MAX : last + 1};
    return reader_.scan(group(series), ids, range, descending, visit);
  }

  bool is_stored() const override { return true; }
  Status scan_windows(std::size_t series, std::span<const int> columns, unsigned aggregates, store::TimeRange range,
                      UnixNanos width, const store::WindowVisitor& visit) const override {
    std::vector<store::WindowColumn> wanted;
    wanted.reserve(columns.size());
    for (const int column : columns) {
      const Column& of = this->columns()[static_cast<std::size_t>(column)];
      wanted.push_back({of.id, of.type});
    }
    return reader_.scan_windows({group(series), wanted, aggregates, range, width}, visit);
  }

 private:
  store::GroupId group(std::size_t series) const { return listing_->groups()[series]->id; }

  const store::Reader& reader_;
  const std::shared_ptr<const store::Listing> listing_;
};

class AnswerTable final : public Table {
 public:
  AnswerTable(std::string name, const std::vector<std::string>& columns, std::vector<Rows> answer, bool in_order) {
    name_ = std::move(name);
    in_order_ = in_order;
    std::set<std::string> keys;
    for (const Rows& rows : answer) {
      for (const metric::Tag& tag : rows.tags) keys.insert(tag.key);
    }
    tag_keys_.assign(keys.begin(), keys.end());
    for (std::size_t c = 0; c < columns.size(); ++c)
      columns_.push_back({static_cast<store::ColumnId>(c), columns[c], type_of(answer, c, columns.size())});
    for (Rows& rows : answer) series_.push_back(columnar(std::move(rows)));
  }

  const std::vector<Column>& columns() const override { return columns_; }
  const std::vector<std::string>& tag_keys() const override { return tag_keys_; }
  std::size_t series() const override { return series_.size(); }
  const std::vector<metric::Tag>& tags(std::size_t series) const override { return series_[series].tags; }

  Status scan(std::size_t index, std::span<const int> columns, UnixNanos first, UnixNanos last, bool /*descending*/,
              const store::BlockVisitor& visit) const override {
    const SeriesData& series = series_[index];
    const auto begin = std::lower_bound(series.times.begin(), series.times.end(), first);
    const auto end = std::upper_bound(begin, series.times.end(), last);
    if (begin == end) return {};
    // Presence bits cannot start inside of a word, so a block begins at a multiple of 64 and what is before `first` is
    // hidden by cutting the times: the visitor sees the rows from the multiple on, and must look at times. To keep that
    // from it, the bits are copied when the range does not start at one.
    const auto from = static_cast<std::size_t>(begin - series.times.begin());
    const auto count = static_cast<std::size_t>(end - begin);
    std::vector<std::vector<std::uint64_t>> shifted;
    std::vector<store::Block::ColumnData> data;
    shifted.reserve(columns.size());
    for (const int c : columns) {
      const ColumnCells& column = series.columns[static_cast<std::size_t>(c)];
      std::span<const std::uint64_t> presence(column.presence);
      if (from % 64 == 0) {
        presence = presence.subspan(from / 64);
      } else {
        std::vector<std::uint64_t>& bits = shifted.emplace_back((count + 63) / 64, 0);
        for (std::size_t r = 0; r < count; ++r) {
          if ((column.presence[(from + r) / 64] >> ((from + r) % 64) & 1U) != 0) bits[r / 64] |= 1ULL << (r % 64);
        }
        presence = bits;
      }
      data.push_back({std::span(column.cells).subspan(from, count), presence, column.text});
    }
    return visit({std::span(series.times).subspan(from, count), data});
  }

 private:
  struct ColumnCells {
    std::vector<metric::Cell> cells;
    std::vector<std::uint64_t> presence;
    std::string text;
  };
  struct SeriesData {
    std::vector<metric::Tag> tags;
    std::vector<UnixNanos> times;
    std::vector<ColumnCells> columns;
  };

  // A column of integers and floats is one of floats.
  static metric::FieldType type_of(const std::vector<Rows>& answer, std::size_t column, std::size_t columns) {
    metric::FieldType type = metric::FieldType::kFloat;
    bool known = false;
    for (const Rows& rows : answer) {
      for (std::size_t i = column; i < rows.cells.size(); i += columns) {
        const Cell& cell = rows.cells[i];
        if (is_null(cell)) continue;
        metric::FieldType found = metric::FieldType::kFloat;
        if (std::holds_alternative<std::int64_t>(cell)) found = metric::FieldType::kInteger;
        if (std::holds_alternative<std::uint64_t>(cell)) found = metric::FieldType::kUnsigned;
        if (std::holds_alternative<bool>(cell)) found = metric::FieldType::kBoolean;
        if (std::holds_alternative<std::string>(cell)) found = metric::FieldType::kString;
        if (found == metric::FieldType::kFloat && type != metric::FieldType::kString) return found;
        if (!known) type = found;
        known = true;
      }
    }
    return type;
  }

  SeriesData columnar(Rows rows) const {
    SeriesData out;
    const std::size_t width = columns_.size();
    const std::size_t count = rows.times.size();
    out.columns.resize(width);
    for (std::size_t c = 0; c < width; ++c) {
      ColumnCells& column = out.columns[c];
      column.cells.resize(count);
      column.presence.resize((count + 63) / 64);
      for (std::size_t r = 0; r < count; ++r) {
        const Cell& cell = rows.cells[r * width + c];
        if (is_null(cell)) continue;
        bool fits = true;
        switch (columns_[c].type) {
          case metric::FieldType::kFloat:
            if (const auto* i = std::get_if<std::int64_t>(&cell)) {
              column.cells[r] = metric::cell_of(static_cast<double>(*i));
            } else if (const auto* d = std::get_if<double>(&cell)) {
              column.cells[r] = metric::cell_of(*d);
            } else {
              fits = false;
            }
            break;
          case metric::FieldType::kInteger:
            if ((fits = std::holds_alternative<std::int64_t>(cell)))
              column.cells[r] = metric::cell_of(std::get<std::int64_t>(cell));
            break;
          case metric::FieldType::kUnsigned:
            if ((fits = std::holds_alternative<std::uint64_t>(cell))) column.cells[r] = std::get<std::uint64_t>(cell);
            break;
          case metric::FieldType::kBoolean:
            if ((fits = std::holds_alternative<bool>(cell))) column.cells[r] = metric::cell_of(std::get<bool>(cell));
            break;
          case metric::FieldType::kString:
            if ((fits = std::holds_alternative<std::string>(cell))) {
              const std::string& text = std::get<std::string>(cell);
              column.cells[r] = metric::string_cell(column.text.size(), text.size());
              column.text += text;
            }
            break;
        }
        if (fits) column.presence[r / 64] |= 1ULL << (r % 64);
      }
    }
    out.tags = std::move(rows.tags);
    out.times = std::move(rows.times);
    return out;
  }

  std::vector<Column> columns_;
  std::vector<std::string> tag_keys_;
  std::vector<SeriesData> series_;
};

void reverse_rows(Rows& rows, std::size_t width) {
  std::reverse(rows.times.begin(), rows.times.end());
  const std::size_t count = rows.times.size();
  for (std::size_t a = 0, b = count; a + 1 < b; ++a) {
    --b;
    for (std::size_t c = 0; c < width; ++c) std::swap(rows.cells[a * width + c], rows.cells[b * width + c]);
  }
}

}  // namespace

std::shared_ptr<const Table> open_measurement(const store::Reader& reader, const std::string& name) {
  std::shared_ptr<const store::Listing> listing = reader.listing(name);
  if (listing->columns().empty()) return nullptr;
  return std::make_shared<StoredTable>(reader, name, std::move(listing));
}

std::vector<std::shared_ptr<const Table>> tables_of(std::vector<Rows> answer, const std::vector<std::string>& columns,
                                                    bool ascending, bool in_order) {
  std::map<std::string, std::vector<Rows>> by_name;
  for (Rows& rows : answer) {
    if (!ascending) reverse_rows(rows, columns.size());
    by_name[rows.name].push_back(std::move(rows));
  }
  std::vector<std::shared_ptr<const Table>> out;
  for (auto& [name, rows] : by_name) {
    out.push_back(std::make_shared<AnswerTable>(name, columns, std::move(rows), in_order));
  }
  return out;
}

}  // namespace resmon::influxql
