#pragma once

// A store::Reader over what a test puts into it, as simple as can be. Not thread-safe while being filled. Part of the
// tests.

#include <algorithm>
#include <atomic>
#include <map>
#include <string>
#include <vector>

#include "store/reader.h"

namespace resmon::influxql {

class FakeReader final : public store::Reader {
 public:
  // Blocks have at most this many rows: small ones show what goes wrong at their edges.
  explicit FakeReader(std::size_t block_rows = 100) : block_rows_(block_rows) {}

  void add(const std::string& measurement, std::vector<metric::Tag> tags, const std::string& field, UnixNanos time,
           double v) {
    put(measurement, std::move(tags), field, metric::FieldType::kFloat, time, metric::cell_of(v), {});
  }
  void add(const std::string& measurement, std::vector<metric::Tag> tags, const std::string& field, UnixNanos time,
           std::int64_t v) {
    put(measurement, std::move(tags), field, metric::FieldType::kInteger, time, metric::cell_of(v), {});
  }
  void add(const std::string& measurement, std::vector<metric::Tag> tags, const std::string& field, UnixNanos time,
           std::uint64_t v) {
    put(measurement, std::move(tags), field, metric::FieldType::kUnsigned, time, v, {});
  }
  void add(const std::string& measurement, std::vector<metric::Tag> tags, const std::string& field, UnixNanos time,
           bool v) {
    put(measurement, std::move(tags), field, metric::FieldType::kBoolean, time, metric::cell_of(v), {});
  }
  void add(const std::string& measurement, std::vector<metric::Tag> tags, const std::string& field, UnixNanos time,
           const std::string& v) {
    put(measurement, std::move(tags), field, metric::FieldType::kString, time, 0, v);
  }

  std::size_t scanned_rows() const { return scanned_rows_; }

  std::vector<std::string> measurements() const override {
    std::vector<std::string> names;
    for (const auto& [name, data] : measurements_) names.push_back(name);
    return names;
  }
  std::shared_ptr<const store::Listing> listing(std::string_view measurement) const override {
    std::vector<const store::Group*> groups;
    if (const auto found = measurements_.find(measurement); found != measurements_.end())
      for (const auto& [tags, id] : found->second.groups) groups.push_back(groups_[id].group.get());
    return std::make_shared<const store::Listing>(columns(measurement), std::move(groups));
  }
  std::vector<store::Column> columns(std::string_view measurement) const override {
    std::vector<store::Column> out;
    const auto found = measurements_.find(measurement);
    if (found == measurements_.end()) return out;
    for (const auto& [name, column] : found->second.columns) out.push_back(column);
    return out;
  }
  Status scan(store::GroupId group, std::span<const store::ColumnId> columns, store::TimeRange range, bool descending,
              const store::BlockVisitor& visit) const override {
    std::vector<const std::map<store::ColumnId, Value>*> rows;
    std::vector<UnixNanos> times;
    const auto& all = groups_[group].rows;
    for (auto at = all.lower_bound(range.first); at != all.end() && at->first < range.last; ++at) {
      const bool wanted =
          std::any_of(columns.begin(), columns.end(), [&](auto id) { return at->second.count(id) != 0; });
      if (!wanted) continue;
      times.push_back(at->first);
      rows.push_back(&at->second);
    }
    const std::size_t blocks = (rows.size() + block_rows_ - 1) / block_rows_;
    for (std::size_t b = 0; b < blocks; ++b) {
      const std::size_t from = (descending ? blocks - 1 - b : b) * block_rows_;
      const std::size_t count = std::min(block_rows_, rows.size() - from);
      std::vector<std::vector<metric::Cell>> cells(columns.size(), std::vector<metric::Cell>(count));
      std::vector<std::vector<std::uint64_t>> presence(columns.size(), std::vector<std::uint64_t>((count + 63) / 64));
      std::vector<std::string> text(columns.size());
      std::vector<store::Block::ColumnData> data;
      for (std::size_t c = 0; c < columns.size(); ++c) {
        for (std::size_t r = 0; r < count; ++r) {
          const auto found = rows[from + r]->find(columns[c]);
          if (found == rows[from + r]->end()) continue;
          cells[c][r] = found->second.cell;
          if (found->second.is_text) {
            cells[c][r] = metric::string_cell(text[c].size(), found->second.text.size());
            text[c] += found->second.text;
          }
          presence[c][r / 64] |= 1ULL << (r % 64);
        }
        data.push_back({cells[c], presence[c], text[c]});
      }
      scanned_rows_ += count;
      RESMON_TRY(visit({std::span(times).subspan(from, count), data}));
    }
    return {};
  }

 private:
  struct Value {
    metric::Cell cell = 0;
    std::string text;
    bool is_text = false;
  };
  struct GroupData {
    std::shared_ptr<const store::Group> group;
    std::map<UnixNanos, std::map<store::ColumnId, Value>> rows;
  };
  struct Measurement {
    std::map<std::vector<metric::Tag>, store::GroupId> groups;
    std::map<std::string, store::Column> columns;
  };

  void put(const std::string& measurement, std::vector<metric::Tag> tags, const std::string& field,
           metric::FieldType type, UnixNanos time, metric::Cell cell, const std::string& text) {
    metric::normalise_tags(tags);
    Measurement& into = measurements_[measurement];
    const auto next_column = static_cast<store::ColumnId>(into.columns.size());
    const auto [column, fresh_column] = into.columns.try_emplace(field, store::Column{next_column, field, type});
    const auto [group, fresh_group] = into.groups.try_emplace(tags, static_cast<store::GroupId>(groups_.size()));
    if (fresh_group) groups_.push_back({std::make_shared<store::Group>(store::Group{group->second, tags}), {}});
    groups_[group->second].rows[time][column->second.id] = {cell, text, type == metric::FieldType::kString};
  }

  const std::size_t block_rows_;
  std::map<std::string, Measurement, std::less<>> measurements_;
  std::vector<GroupData> groups_;
  mutable std::atomic<std::size_t> scanned_rows_{0};
};

}  // namespace resmon::influxql
