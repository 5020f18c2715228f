#pragma once

// What the store's tests share: a scratch directory, a schema by a short name, everything a scan shows as plain text.

#include <stdlib.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "metric/batch.h"
#include "metric/schema.h"
#include "store/store.h"

namespace resmon::store {

inline constexpr UnixNanos kSecond = 1'000'000'000;
inline constexpr UnixNanos kStart = 1'790'000'000 * kSecond;

class ScratchDirectory {
 public:
  ScratchDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "resmon-store-XXXXXX").string();
    path_ = ::mkdtemp(name.data()) != nullptr ? name : std::string();
  }
  ~ScratchDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  std::string store() const { return path_ + "/store"; }

 private:
  std::string path_;
};

inline Options options_in(const ScratchDirectory& directory) {
  Options options;
  options.directory = directory.store();
  options.retain = std::chrono::seconds(0);
  options.snapshot_every = std::chrono::seconds(0);  // at each checkpoint
  return options;
}

inline std::string text_of(metric::FieldType type, metric::Cell cell, std::string_view text) {
  switch (type) {
    case metric::FieldType::kFloat:
      return "f" + std::to_string(cell);
    case metric::FieldType::kInteger:
      return "i" + std::to_string(metric::as_integer(cell));
    case metric::FieldType::kUnsigned:
      return "u" + std::to_string(cell);
    case metric::FieldType::kBoolean:
      return cell != 0 ? "true" : "false";
    case metric::FieldType::kString:
      return "s" + std::string(metric::as_string(cell, text));
  }
  return {};
}

// Time to column name to value.
using Shown = std::map<UnixNanos, std::map<std::string, std::string>>;

// What a scan shows; `problem` says where it breaks its promises.
inline Shown scan_all(const Reader& reader, const std::string& measurement, GroupId group, std::string& problem,
                      TimeRange range = {}, bool descending = false, std::vector<std::string> only = {}) {
  Shown shown;
  std::vector<Column> columns;
  for (Column& column : reader.columns(measurement))
    if (only.empty() || std::find(only.begin(), only.end(), column.name) != only.end()) columns.push_back(column);
  std::vector<ColumnId> ids;
  for (const Column& column : columns) ids.push_back(column.id);
  UnixNanos newest = INT64_MIN;
  UnixNanos oldest = INT64_MAX;
  const Status status = reader.scan(group, ids, range, descending, [&](const Block& block) -> Status {
    if (block.times.empty() || block.columns.size() != ids.size()) problem = "a block of the wrong shape";
    for (std::size_t row = 0; row < block.times.size(); ++row) {
      const UnixNanos time = block.times[row];
      if (time < range.first || time >= range.last) problem = "a row beyond the range";
      if (row > 0 && time <= block.times[row - 1]) problem = "times in a block do not ascend";
      if (!descending && time <= newest && newest != INT64_MIN) problem = "blocks do not ascend";
      if (descending && time >= oldest) problem = "blocks do not descend";
      if (!descending) newest = time;
      auto& values = shown[time];
      for (std::size_t c = 0; c < columns.size(); ++c)
        if (block.columns[c].has(row))
          values[columns[c].name] = text_of(columns[c].type, block.columns[c].cells[row], block.columns[c].text);
      if (values.empty()) problem = "a row without a value";
    }
    if (descending) oldest = block.times.front();
    return {};
  });
  if (!status) problem = status.error().message;
  return shown;
}

// Window start to "column aggregate" to value.
using ShownWindows = std::map<UnixNanos, std::map<std::string, std::string>>;

// What a scan of windows shows; with `from_rows` what the rows say, whatever the tiers do.
inline ShownWindows scan_all_windows(const Reader& reader, const std::string& measurement, GroupId group,
                                     TimeRange range, UnixNanos width, bool from_rows, std::string& problem,
                                     unsigned aggregates = 31) {
  static constexpr std::array<const char*, kAggregateCount> kNames{"min", "max", "sum", "count", "last"};
  ShownWindows shown;
  const std::vector<Column> columns = reader.columns(measurement);
  std::vector<WindowColumn> wanted;
  for (const Column& column : columns) wanted.push_back({column.id, column.type});
  UnixNanos newest = INT64_MIN;
  const WindowVisitor visit = [&](const WindowBlock& block) -> Status {
    for (std::size_t window = 0; window < block.starts.size(); ++window) {
      const UnixNanos start = block.starts[window];
      if (start < range.first || start >= range.last || start % width != 0) problem = "a window out of place";
      if (!shown.empty() && start <= newest) problem = "windows do not ascend";
      newest = start;
      auto& values = shown[start];
      for (std::size_t c = 0; c < columns.size(); ++c) {
        if (!block.columns[c].has(window)) continue;
        for (std::size_t a = 0; a < kAggregateCount; ++a) {
          const auto cells = block.columns[c].cells[a];
          if (cells.empty()) continue;
          if (cells.size() != block.starts.size()) problem = "cells that are not one for each window";
          const auto type =
              static_cast<Aggregate>(a) == Aggregate::kCount ? metric::FieldType::kUnsigned : columns[c].type;
          values[columns[c].name + " " + kNames[a]] = text_of(type, cells[window], block.columns[c].text);
        }
      }
      if (values.empty()) problem = "a window without a value";
    }
    return {};
  };
  const WindowRequest request{group, wanted, aggregates, range, width};
  const Status status = from_rows ? reader.Reader::scan_windows(request, visit) : reader.scan_windows(request, visit);
  if (!status) problem = status.error().message;
  return shown;
}

}  // namespace resmon::store
