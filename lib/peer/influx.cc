#include "peer/influx.h"

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <map>
#include <optional>

#include "base/json_members.h"
#include "store/windows.h"

namespace resmon::peer {

namespace {

namespace json = boost::json;

constexpr std::size_t kCellsOfAnswer = 500'000;  // about
constexpr std::size_t kLeastRows = 50;           // of a series
constexpr std::size_t kMostRows = 100'000;
// InfluxDB's own bounds of times.
constexpr UnixNanos kFirstTime = INT64_MIN + 2;
constexpr UnixNanos kLastTime = INT64_MAX - 1;
// Without rows before 1970, no answer has windows there; a statement about all time would have the database count them.
constexpr UnixNanos kFirstWindow = 0;

std::string_view view(const json::string& text) {
  return {text.data(), text.size()};
}

std::string quoted(std::string_view text, char quote) {
  std::string out(1, quote);
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == quote || c == '\\') out += '\\';
    out += c;
  }
  return out += quote;
}

const json::value* member(const json::value& value, std::string_view key) {
  return value.is_object() ? value.get_object().if_contains(json_view(key)) : nullptr;
}

const json::array* list(const json::value& value, std::string_view key) {
  const json::value* const found = member(value, key);
  return found != nullptr && found->is_array() ? &found->get_array() : nullptr;
}

std::optional<Error> error_of(const json::value& value) {
  const json::value* const found = member(value, "error");
  if (found == nullptr || !found->is_string()) return std::nullopt;
  return Error{ErrorKind::kInvalid, "it answers: " + std::string(view(found->get_string()).substr(0, 300))};
}

// The results of `statements` statements.
Result<json::value> read_results(std::string_view text, std::size_t statements) {
  boost::system::error_code error;
  json::value root = json::parse(json_view(text), error);
  if (error) return fail(ErrorKind::kInvalid, "it does not answer in JSON: is it InfluxDB's address?");
  if (auto said = error_of(root)) return fail(*std::move(said));
  const json::array* const results = list(root, "results");
  if (results == nullptr || results->size() != statements)
    return fail(ErrorKind::kInvalid, "it does not answer as InfluxDB does");
  for (const json::value& one : *results)
    if (auto said = error_of(one)) return fail(*std::move(said));
  return root;
}

// Calls visit(series) for each one of a statement's result.
template <class Visit>
void each_series(const json::value& root, std::size_t statement, const Visit& visit) {
  const json::array* const series = list(list(root, "results")->at(statement), "series");
  if (series == nullptr) return;
  for (const json::value& one : *series) visit(one);
}

// Calls visit(values) for each row of a statement's result.
template <class Visit>
void each_row(const json::value& root, std::size_t statement, const Visit& visit) {
  each_series(root, statement, [&](const json::value& series) {
    const json::array* const rows = list(series, "values");
    if (rows == nullptr) return;
    for (const json::value& row : *rows)
      if (row.is_array() && !row.get_array().empty()) visit(row.get_array());
  });
}

std::optional<metric::FieldType> type_of(std::string_view name) {
  for (std::uint8_t i = 0; i < metric::kFieldTypeCount; ++i)
    if (const auto type = static_cast<metric::FieldType>(i); metric::type_name(type) == name) return type;
  return std::nullopt;
}

// Up to the next comma, or equals sign, that no backslash precedes; what such backslashes escape as it is.
std::string take_part(std::string_view& text, char end) {
  std::string out;
  while (!text.empty() && text.front() != end) {
    if (text.front() == '\\' && text.size() > 1 && std::string_view(",= ").find(text[1]) != std::string_view::npos)
      text.remove_prefix(1);
    out += text.front();
    text.remove_prefix(1);
  }
  if (!text.empty()) text.remove_prefix(1);
  return out;
}

// Of a key as SHOW SERIES has it: "cpu,cpu=cpu0,host=web1".
std::vector<metric::Tag> tags_of(std::string_view key) {
  std::vector<metric::Tag> out;
  take_part(key, ',');
  while (!key.empty()) {
    std::string name = take_part(key, '=');
    out.push_back({std::move(name), take_part(key, ',')});
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::string condition(const std::vector<metric::Tag>& tags, const std::vector<std::string>& keys) {
  std::string out;
  for (const std::string& key : keys) {
    const auto found = std::find_if(tags.begin(), tags.end(), [&](const metric::Tag& tag) { return tag.key == key; });
    if (!out.empty()) out += " AND ";
    out += influx_name(key) + "::tag=" + influx_text(found == tags.end() ? "" : found->value);
  }
  return out;
}

// Selects the series asked for, and perhaps as many others; empty: all. Tags that they have in common are the shortest
// way to say it.
std::string series_condition(const RowsRequest& request, const CatalogAnswer& catalog) {
  if (request.series.size() * 2 >= catalog.series.size()) return {};
  std::vector<metric::Tag> common = request.series.front();
  for (const auto& tags : request.series)
    std::erase_if(common,
                  [&](const metric::Tag& tag) { return std::find(tags.begin(), tags.end(), tag) == tags.end(); });
  std::vector<std::string> keys;
  for (const metric::Tag& tag : common) keys.push_back(tag.key);
  const auto has_all = [&](const std::vector<metric::Tag>& tags) {
    return std::all_of(common.begin(), common.end(),
                       [&](const metric::Tag& tag) { return std::find(tags.begin(), tags.end(), tag) != tags.end(); });
  };
  const auto matching = std::count_if(catalog.series.begin(), catalog.series.end(), has_all);
  if (!common.empty() && static_cast<std::size_t>(matching) <= 2 * request.series.size())
    return condition(common, keys);

  std::map<std::string, bool> all_keys;
  for (const auto& tags : catalog.series)
    for (const metric::Tag& tag : tags) all_keys.emplace(tag.key, true);
  keys.clear();
  for (const auto& [key, is] : all_keys) keys.push_back(key);
  if (keys.empty()) return {};
  std::string out;
  for (const auto& tags : request.series) out += (out.empty() ? "(" : " OR (") + condition(tags, keys) + ")";
  return "(" + out + ")";
}

// Nothing where the value is not of that type.
std::optional<metric::Cell> cell_of(const json::value& value, metric::FieldType type, std::string& text) {
  using metric::FieldType;
  switch (type) {
    case FieldType::kString: {
      if (!value.is_string()) return std::nullopt;
      const std::string_view string = view(value.get_string());
      const metric::Cell cell = metric::string_cell(text.size(), string.size());
      text += string;
      return cell;
    }
    case FieldType::kBoolean:
      if (!value.is_bool()) return std::nullopt;
      return metric::cell_of(value.get_bool());
    case FieldType::kFloat:
      if (!value.is_number()) return std::nullopt;
      return metric::cell_of(value.to_number<double>());
    case FieldType::kInteger:
      if (!value.is_int64()) return std::nullopt;
      return metric::cell_of(value.get_int64());
    case FieldType::kUnsigned:
      if (value.is_uint64()) return metric::cell_of(value.get_uint64());
      if (!value.is_int64() || value.get_int64() < 0) return std::nullopt;
      return metric::cell_of(static_cast<std::uint64_t>(value.get_int64()));
  }
  return std::nullopt;
}

std::vector<metric::Tag> read_tags(const json::value& series) {
  std::vector<metric::Tag> out;
  const json::value* const tags = member(series, "tags");
  if (tags == nullptr || !tags->is_object()) return out;
  for (const auto& one : tags->get_object())
    if (one.value().is_string() && !one.value().get_string().empty())
      out.push_back({std::string(one.key()), std::string(view(one.value().get_string()))});
  std::sort(out.begin(), out.end());
  return out;
}

// Rows whose times ascend, or, of a descending answer, descend. Whatever comes out of order is left out.
store::Rows read_rows(const json::array& values, const RowsRequest& request, const InfluxRowsQuestion& question) {
  std::vector<const json::array*> rows;
  for (const json::value& row : values)
    if (row.is_array() && row.get_array().size() == question.places.size() + 1 && row.get_array()[0].is_int64())
      rows.push_back(&row.get_array());
  if (request.descending) std::reverse(rows.begin(), rows.end());
  store::Rows out;
  const bool windows = request.aggregates != 0;
  for (std::size_t i = 0; i < question.places.size(); ++i) {
    store::RowColumn& column = out.columns.emplace_back();
    const auto place = static_cast<store::ColumnId>(question.places[i]);
    column.id = windows ? store::window_column(place, question.aggregates[i]) : place;
    column.type = question.types[i];
    column.presence.resize((rows.size() + 63) / 64);
    column.cells.resize(rows.size());
  }
  for (const json::array* const row : rows) {
    const UnixNanos time = (*row)[0].get_int64();
    if (!out.times.empty() && time <= out.times.back()) continue;
    const std::size_t at = out.times.size();
    out.times.push_back(time);
    for (std::size_t i = 0; i < question.places.size(); ++i) {
      store::RowColumn& column = out.columns[i];
      const auto cell = cell_of((*row)[i + 1], column.type, column.text);
      if (!cell) continue;
      column.cells[at] = *cell;
      store::set_bit(column.presence, at);
    }
  }
  for (store::RowColumn& column : out.columns) {
    column.cells.resize(out.times.size());
    column.presence.resize((out.times.size() + 63) / 64);
  }
  std::sort(out.columns.begin(), out.columns.end(),
            [](const store::RowColumn& a, const store::RowColumn& b) { return a.id < b.id; });
  return out;
}

std::string aggregate_call(store::Aggregate aggregate, const std::string& field) {
  static constexpr std::string_view kFunctions[] = {"min", "max", "sum", "count", "last"};
  return std::string(kFunctions[static_cast<std::size_t>(aggregate)]) + "(" + field + ")";
}

}  // namespace

std::string influx_name(std::string_view name) {
  return quoted(name, '"');
}

std::string influx_text(std::string_view text) {
  return quoted(text, '\'');
}

Result<json::array> read_influx_series(std::string_view text) {
  RESMON_ASSIGN(const json::value root, read_results(text, 1));
  const json::array* const series = list(list(root, "results")->front(), "series");
  return series == nullptr ? json::array() : *series;
}

std::string influx_measurements_statement() {
  return "SHOW MEASUREMENTS";
}

Result<CatalogAnswer> read_influx_measurements(std::string_view text) {
  RESMON_ASSIGN(const json::value root, read_results(text, 1));
  CatalogAnswer out;
  each_row(root, 0, [&](const json::array& row) {
    if (row[0].is_string()) out.measurements.emplace_back(view(row[0].get_string()));
  });
  std::sort(out.measurements.begin(), out.measurements.end());
  return out;
}

std::string influx_catalog_statement(std::string_view measurement) {
  const std::string name = influx_name(measurement);
  return "SHOW FIELD KEYS FROM " + name + "; SHOW SERIES FROM " + name;
}

std::string influx_catalog_statement_by_rows(std::string_view measurement) {
  const std::string name = influx_name(measurement);
  return "SHOW FIELD KEYS FROM " + name + "; SELECT * FROM " + name + " GROUP BY * LIMIT 1";
}

Result<CatalogAnswer> read_influx_catalog(std::string_view text) {
  RESMON_ASSIGN(const json::value root, read_results(text, 2));
  CatalogAnswer out;
  std::map<std::string, metric::FieldType> fields;
  each_row(root, 0, [&](const json::array& row) {
    if (row.size() < 2 || !row[0].is_string() || !row[1].is_string()) return;
    if (const auto type = type_of(view(row[1].get_string())))
      fields.emplace(std::string(view(row[0].get_string())), *type);
  });
  for (const auto& [name, type] : fields) out.fields.push_back({name, type});
  each_series(root, 1, [&](const json::value& series) {
    if (member(series, "name") != nullptr) out.series.push_back(read_tags(series));
  });
  each_row(root, 1, [&](const json::array& row) {
    if (row[0].is_string()) out.series.push_back(tags_of(view(row[0].get_string())));
  });
  std::sort(out.series.begin(), out.series.end());
  out.series.erase(std::unique(out.series.begin(), out.series.end()), out.series.end());
  return out;
}

InfluxRowsQuestion influx_rows_question(const RowsRequest& request, const CatalogAnswer& catalog) {
  InfluxRowsQuestion out;
  const bool windows = request.aggregates != 0;
  std::string selected;
  for (std::size_t place = 0; place < request.columns.size(); ++place) {
    const auto field = std::find_if(catalog.fields.begin(), catalog.fields.end(),
                                    [&](const metric::Field& one) { return one.name == request.columns[place]; });
    if (field == catalog.fields.end()) continue;
    const std::string name = influx_name(field->name) + "::field";
    for (std::size_t a = 0; a < (windows ? store::kAggregateCount : 1); ++a) {
      const auto aggregate = static_cast<store::Aggregate>(a);
      if (windows && ((request.aggregates & store::aggregate_bit(aggregate)) == 0 ||
                      !store::has_aggregate(field->type, aggregate)))
        continue;
      if (!selected.empty()) selected += ", ";
      selected += windows ? aggregate_call(aggregate, name) : name;
      out.places.push_back(place);
      out.aggregates.push_back(aggregate);
      out.types.push_back(windows ? store::aggregate_type(field->type, aggregate) : field->type);
    }
  }
  if (selected.empty() || request.series.empty()) return out;
  out.most_rows = std::clamp(kCellsOfAnswer / (request.series.size() * out.places.size()), kLeastRows, kMostRows);
  out.statement = "SELECT " + selected + " FROM " + influx_name(request.measurement) + " WHERE ";
  if (const std::string some = series_condition(request, catalog); !some.empty()) out.statement += some + " AND ";
  const UnixNanos first = std::max(request.range.first, windows ? kFirstWindow : kFirstTime);
  out.statement += "time >= " + std::to_string(first) + " AND time < " +
                   std::to_string(std::min(request.range.last, kLastTime)) + " GROUP BY ";
  if (windows) out.statement += "time(" + std::to_string(request.width) + "ns), ";
  out.statement += "*";
  if (windows) out.statement += " fill(none)";
  if (request.descending) out.statement += " ORDER BY time DESC";
  out.statement += " LIMIT " + std::to_string(out.most_rows);
  return out;
}

Result<Page> read_influx_rows(std::string_view text, const RowsRequest& request, const InfluxRowsQuestion& question) {
  RESMON_ASSIGN(const json::value root, read_results(text, 1));
  Page out;
  std::map<std::vector<metric::Tag>, std::size_t> places;
  for (std::size_t place = 0; place < request.series.size(); ++place) {
    places.emplace(request.series[place], place);
    out.series.push_back({place, true, {}});
  }
  each_series(root, 0, [&](const json::value& series) {
    const auto place = places.find(read_tags(series));
    const json::array* const values = list(series, "values");
    if (place == places.end() || values == nullptr) return;
    store::Rows rows = read_rows(*values, request, question);
    if (rows.times.empty()) return;
    const json::value* const partial = member(series, "partial");
    Page::Series& to = out.series[place->second];
    to.whole =
        values->size() < question.most_rows && (partial == nullptr || !partial->is_bool() || !partial->get_bool());
    to.blocks = {std::move(rows)};
  });
  return out;
}

}  // namespace resmon::peer
