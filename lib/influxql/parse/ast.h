#pragma once

// The tree that the parser makes. Expressions are immutable and shared, so a rewrite copies only the path it changes.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "influxql/parse/regex.h"
#include "influxql/parse/token.h"
#include "metric/value.h"

namespace resmon::influxql {

// Of a reference or an expression. The order is InfluxDB's preference where two measurements disagree about a name.
enum class DataType : std::uint8_t {
  kUnknown,
  kFloat,
  kInteger,
  kString,
  kBoolean,
  kTime,
  kDuration,
  kTag,
  kAnyField,
  kUnsigned
};
std::string_view data_type_name(DataType type);
DataType data_type_of(metric::FieldType type);
constexpr bool is_number(DataType type) {
  return type == DataType::kFloat || type == DataType::kInteger || type == DataType::kUnsigned;
}

struct Expr;
using ExprPtr = std::shared_ptr<const Expr>;

struct Expr {
  enum class Kind : std::uint8_t {
    kVariable,  // name, type
    kCall,      // name (lower case), args
    kBinary,    // op, args[0], args[1]
    kParen,     // args[0]
    kWildcard,  // op: kField, kTag or kMul for both
    kRegex,     // regex
    kDistinct,  // name: "DISTINCT name" without parentheses
    kNumber,    // number
    kInteger,   // integer
    kUnsigned,  // unsigned_integer
    kString,    // name
    kBoolean,   // boolean
    kDuration,  // integer, nanoseconds
    kTime,      // integer, nanoseconds since the epoch
    kNull,      // an absent condition's placeholder
  };
  Kind kind = Kind::kNull;
  std::string name;
  DataType type = DataType::kUnknown;
  Token op = Token::kIllegal;
  double number = 0;
  std::int64_t integer = 0;
  std::uint64_t unsigned_integer = 0;
  bool boolean = false;
  std::shared_ptr<const Regex> regex;
  std::vector<ExprPtr> args;

  bool is(Kind k) const { return kind == k; }
  bool is_call(std::string_view function) const { return kind == Kind::kCall && name == function; }
  bool is_literal() const { return kind >= Kind::kNumber || kind == Kind::kRegex; }
  const Expr& left() const { return *args[0]; }
  const Expr& right() const { return *args[1]; }
};

ExprPtr make_variable(std::string name, DataType type = DataType::kUnknown);
ExprPtr make_call(std::string name, std::vector<ExprPtr> args);
ExprPtr make_binary(Token op, ExprPtr left, ExprPtr right);
ExprPtr make_paren(ExprPtr inner);
ExprPtr make_boolean(bool value);
ExprPtr make_integer(std::int64_t value);
ExprPtr make_number(double value);
ExprPtr make_duration(std::int64_t nanos);
ExprPtr make_time(UnixNanos time);

// Of a statement that cannot be answered, in InfluxDB's words.
inline Unexpected<Error> refuse(std::string message) {
  return fail(ErrorKind::kInvalid, std::move(message));
}
// As InfluxDB prints the expression; equal text means equal meaning.
std::string to_string(const Expr& expr);
// Of a number, a text or a boolean; kUnknown: it is none of them.
DataType literal_type(const Expr& expr);
// The name that Go's reflection gives to such a node: InfluxDB shows it in some messages.
std::string_view go_type_name(Expr::Kind kind);
// A name as it must be written to be read as one identifier.
std::string quote_ident(std::string_view name);

struct Select;

struct Source {
  std::string database;
  std::string retention_policy;
  std::string name;
  std::shared_ptr<const Regex> regex;      // instead of a name
  std::shared_ptr<const Select> subquery;  // instead of both
};

struct SelectField {
  ExprPtr expr;
  std::string alias;
};

enum class Fill : std::uint8_t { kNull, kNone, kNumber, kPrevious, kLinear };

struct Select {
  std::vector<SelectField> fields;
  std::optional<Source> target;  // INTO; without a name: the measurement read from (:MEASUREMENT)
  std::vector<Source> sources;
  ExprPtr condition;                // may be null
  std::vector<ExprPtr> dimensions;  // GROUP BY
  Fill fill = Fill::kNull;
  ExprPtr fill_value;
  bool ordered = false;  // an ORDER BY was written
  bool ascending = true;
  std::int64_t limit = 0, offset = 0, series_limit = 0, series_offset = 0;
  std::string zone;  // tz('…'); empty: none
};

struct Show {
  enum class What : std::uint8_t {
    kDatabases,
    kMeasurements,
    kTagKeys,
    kTagValues,
    kFieldKeys,
    kRetentionPolicies,
    kSeries,
    kSeriesCardinality,
    kMeasurementCardinality,
    kTagKeyCardinality,
    kTagValuesCardinality,
    kFieldKeyCardinality,
    kUsers,
    kGrants,
    kContinuousQueries,
    kSubscriptions,
    kQueries,
    kShards,
    kShardGroups,
    kStats,
    kDiagnostics,
  };
  What what = What::kDatabases;
  bool exact = false;
  std::string database;
  // Of MEASUREMENTS ON database.policy, where each may be "*": the answer says where each one is.
  bool with_policies = false;
  std::string retention_policy;
  std::string name;  // of the user of GRANTS FOR, the module of STATS FOR and DIAGNOSTICS FOR
  std::vector<Source> sources;
  std::optional<Source> with_measurement;
  Token key_op = Token::kIllegal;  // WITH KEY: kEq, kNeq, kIn, kEqRegex, kNeqRegex
  std::vector<std::string> keys;
  std::shared_ptr<const Regex> key_regex;
  ExprPtr condition;
  std::vector<ExprPtr> dimensions;
  std::int64_t limit = 0, offset = 0, series_limit = 0, series_offset = 0;
};

struct CreateDatabase {
  std::string name;
};

struct DropDatabase {
  std::string name;
};

// DELETE, DROP SERIES, DROP MEASUREMENT.
struct Delete {
  enum class What : std::uint8_t { kRows, kSeries, kMeasurement };
  What what = What::kRows;
  std::vector<Source> sources;  // none: every measurement
  ExprPtr condition;            // may be null
};

struct KillQuery {
  std::uint64_t id = 0;
};

struct Explain {
  bool analyze = false;
  Select select;
};

// A statement of InfluxQL that is not carried out, such as CREATE RETENTION POLICY; `name` is its first words.
struct Unsupported {
  std::string name;
  std::string instead;  // what does it here: a key of the configuration, a command. May be empty
};

using Statement = std::variant<Select, Show, CreateDatabase, DropDatabase, Delete, KillQuery, Explain, Unsupported>;

}  // namespace resmon::influxql
