#pragma once

// The questions that servers ask each other, put to a database that speaks InfluxQL: statements, and what its answers
// in JSON (epoch=ns) say. No I/O; reading is bounded by the bytes that came.

#include <boost/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "metric/schema.h"
#include "peer/catalog.h"
#include "peer/rows.h"

namespace resmon::peer {

std::string influx_measurements_statement();
// kInvalid, as all that reads an answer: no such answer, or the error that it says.
Result<CatalogAnswer> read_influx_measurements(std::string_view json);

// Two statements: a measurement's fields, and its series. Fields of types that there are not are left out.
std::string influx_catalog_statement(std::string_view measurement);
// The same for a database without SHOW SERIES, which InfluxDB 3 is: it reads a row of each series.
std::string influx_catalog_statement_by_rows(std::string_view measurement);
Result<CatalogAnswer> read_influx_catalog(std::string_view json);

struct InfluxRowsQuestion {
  std::string statement;
  std::size_t most_rows = 0;                 // of one series: one that has so many may have more
  std::vector<std::size_t> places;           // of the answer's columns after the time: in RowsRequest::columns
  std::vector<store::Aggregate> aggregates;  // of the same columns, where windows are asked for
  std::vector<metric::FieldType> types;      // of the same columns
};
// The columns of the request that the catalog does not have are not asked for. An empty statement: there are none.
InfluxRowsQuestion influx_rows_question(const RowsRequest& request, const CatalogAnswer& catalog);
// A page with every series of the request. A value that is not of its column's type is left out.
Result<Page> read_influx_rows(std::string_view json, const RowsRequest& request, const InfluxRowsQuestion& question);

// What one statement gives, series by series as InfluxDB writes them: `name`, `tags`, `columns`, `values`.
Result<boost::json::array> read_influx_series(std::string_view json);

// An identifier, and a text, as InfluxQL writes them.
std::string influx_name(std::string_view name);
std::string influx_text(std::string_view text);

}  // namespace resmon::peer
