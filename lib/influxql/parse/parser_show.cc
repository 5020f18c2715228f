#include "influxql/parse/parser_internal.h"

namespace resmon::influxql {

Result<Statement> Parser::show() {
  using Asked = Show::What;
  const Lexeme found = scan_solid();
  switch (found.token) {
    case Token::kDatabases:
      return Statement(Show{});
    case Token::kMeasurements:
      return show_measurements();
    case Token::kMeasurement: {
      const Lexeme next = scan_solid();
      if (next.token == Token::kExact) return show_cardinality(Asked::kMeasurementCardinality, true, true, false);
      if (next.token == Token::kCardinality)
        return show_cardinality(Asked::kMeasurementCardinality, false, false, false);
      return unexpected(next, {"EXACT", "CARDINALITY"});
    }
    case Token::kField:
    case Token::kTag: {
      const bool field = found.token == Token::kField;
      const Lexeme next = scan_solid();
      if (next.token == Token::kKey || next.token == Token::kKeys) {
        return show_keys(field ? Asked::kFieldKeys : Asked::kTagKeys,
                         field ? Asked::kFieldKeyCardinality : Asked::kTagKeyCardinality, next.token == Token::kKeys);
      }
      if (field) return unexpected(next, {"KEY", "KEYS"});
      if (next.token == Token::kValues) return show_tag_values();
      return unexpected(next, {"KEY", "KEYS", "VALUES"});
    }
    case Token::kSeries:
      return show_series();
    case Token::kRetention: {
      RESMON_TRY(expect(Token::kPolicies));
      Show out;
      out.what = Asked::kRetentionPolicies;
      RESMON_TRY(on_database(out));
      return Statement(std::move(out));
    }
    case Token::kContinuous:
    case Token::kDiagnostics:
    case Token::kGrants:
    case Token::kQueries:
    case Token::kShard:
    case Token::kShards:
    case Token::kStats:
    case Token::kSubscriptions:
    case Token::kUsers:
      return show_state(found.token);
    default:
      return unexpected(
          found, {"CONTINUOUS", "DATABASES", "DIAGNOSTICS", "FIELD", "GRANTS", "MEASUREMENT", "MEASUREMENTS", "QUERIES",
                  "RETENTION", "SERIES", "SHARD", "SHARDS", "STATS", "SUBSCRIPTIONS", "TAG", "USERS"});
  }
}

Result<Statement> Parser::show_series() {
  using Asked = Show::What;
  const bool exact = accept(Token::kExact);
  if (accept(Token::kCardinality)) return show_cardinality(Asked::kSeriesCardinality, exact, false, false);
  Show out;
  out.what = Asked::kSeries;
  RESMON_TRY(on_database(out));
  RESMON_TRY(from(out));
  RESMON_ASSIGN(out.condition, condition());
  RESMON_TRY(tail(out, true));
  return Statement(std::move(out));
}

Result<Statement> Parser::show_state(Token what) {
  using Asked = Show::What;
  Show out;
  switch (what) {
    case Token::kContinuous:
      RESMON_TRY(expect(Token::kQueries));
      out.what = Asked::kContinuousQueries;
      break;
    case Token::kShard:
      RESMON_TRY(expect(Token::kGroups));
      out.what = Asked::kShardGroups;
      break;
    case Token::kGrants: {
      RESMON_TRY(expect(Token::kFor));
      RESMON_ASSIGN(out.name, ident());
      out.what = Asked::kGrants;
      break;
    }
    case Token::kStats:
    case Token::kDiagnostics: {
      out.what = what == Token::kStats ? Asked::kStats : Asked::kDiagnostics;
      if (!accept(Token::kFor)) break;
      const Lexeme module = scan_solid();
      if (module.token != Token::kString) return unexpected(module, {"string"});
      out.name = module.text;
      break;
    }
    case Token::kQueries:
      out.what = Asked::kQueries;
      break;
    case Token::kShards:
      out.what = Asked::kShards;
      break;
    case Token::kSubscriptions:
      out.what = Asked::kSubscriptions;
      break;
    default:
      out.what = Asked::kUsers;
      break;
  }
  return Statement(std::move(out));
}

Result<Statement> Parser::show_keys(Show::What list, Show::What cardinality, bool plural) {
  if (!plural) {
    const Lexeme next = scan_solid();
    if (next.token == Token::kExact) return show_cardinality(cardinality, true, true, false);
    if (next.token == Token::kCardinality) return show_cardinality(cardinality, false, false, false);
    return unexpected(next, {"EXACT", "CARDINALITY"});
  }
  Show out;
  out.what = list;
  RESMON_TRY(on_database(out));
  RESMON_TRY(from(out));
  if (list == Show::What::kTagKeys) {
    if (accept(Token::kWith)) {
      unscan();
      RESMON_TRY(with_key(out));
    }
    RESMON_ASSIGN(out.condition, condition());
  }
  RESMON_TRY(tail(out, true));
  if (list == Show::What::kTagKeys) {
    RESMON_ASSIGN(out.series_limit, count(Token::kSlimit));
    RESMON_ASSIGN(out.series_offset, count(Token::kSoffset));
  }
  return Statement(std::move(out));
}

Result<Statement> Parser::show_measurements() {
  Show out;
  out.what = Show::What::kMeasurements;
  RESMON_TRY(on_policy(out));
  if (accept(Token::kWith)) {
    RESMON_TRY(expect(Token::kMeasurement));
    const Lexeme op = scan_solid();
    if (op.token != Token::kEq && op.token != Token::kEqRegex) return unexpected(op, {"=", "=~"});
    RESMON_ASSIGN(out.with_measurement, source(false));
  }
  RESMON_ASSIGN(out.condition, condition());
  RESMON_TRY(tail(out, true));
  return Statement(std::move(out));
}

Result<Statement> Parser::show_tag_values() {
  if (accept(Token::kExact)) return show_cardinality(Show::What::kTagValuesCardinality, true, true, true);
  if (accept(Token::kCardinality)) return show_cardinality(Show::What::kTagValuesCardinality, false, false, true);
  Show out;
  out.what = Show::What::kTagValues;
  RESMON_TRY(on_database(out));
  RESMON_TRY(from(out));
  RESMON_TRY(with_key(out));
  RESMON_ASSIGN(out.condition, condition());
  RESMON_TRY(tail(out, true));
  return Statement(std::move(out));
}

Result<Statement> Parser::show_cardinality(Show::What what, bool exact, bool needs_word, bool needs_key) {
  Show out;
  out.what = what;
  out.exact = exact;
  if (needs_word) RESMON_TRY(expect(Token::kCardinality));
  RESMON_TRY(on_database(out));
  RESMON_TRY(from(out));
  if (needs_key) RESMON_TRY(with_key(out));
  RESMON_ASSIGN(out.condition, condition());
  RESMON_ASSIGN(out.dimensions, dimensions());
  RESMON_TRY(tail(out, false));
  return Statement(std::move(out));
}

Status Parser::on_database(Show& show) {
  if (!accept(Token::kOn)) return {};
  RESMON_ASSIGN(show.database, ident());
  return {};
}

// "ON a", "ON *", "ON a.b", "ON a.*", "ON *.*".
Status Parser::on_policy(Show& show) {
  if (!accept(Token::kOn)) return {};
  const auto name = [&](std::string& out) -> Status {
    const Lexeme found = scan_solid();
    if (found.token != Token::kIdent && found.token != Token::kMul) return unexpected(found, {"identifier"});
    out = found.token == Token::kMul ? "*" : found.text;
    show.with_policies = show.with_policies || found.token == Token::kMul;
    return {};
  };
  RESMON_TRY(name(show.database));
  if (!accept(Token::kDot)) return {};
  show.with_policies = true;
  return name(show.retention_policy);
}

Status Parser::from(Show& show) {
  if (!accept(Token::kFrom)) return {};
  RESMON_ASSIGN(show.sources, sources(false));
  return {};
}

Status Parser::with_key(Show& show) {
  RESMON_TRY(expect(Token::kWith));
  RESMON_TRY(expect(Token::kKey));
  const Lexeme op = scan_solid();
  show.key_op = op.token;
  switch (op.token) {
    case Token::kIn: {
      RESMON_TRY(expect(Token::kLeftParen));
      do {
        RESMON_ASSIGN(std::string key, ident());
        show.keys.push_back(std::move(key));
      } while (accept(Token::kComma));
      return expect(Token::kRightParen);
    }
    case Token::kEq:
    case Token::kNeq: {
      RESMON_ASSIGN(std::string key, ident());
      show.keys.push_back(std::move(key));
      return {};
    }
    case Token::kEqRegex:
    case Token::kNeqRegex: {
      RESMON_ASSIGN(show.key_regex, regex());
      if (show.key_regex == nullptr) return unexpected(scan_solid(), {"regex"});
      return {};
    }
    default:
      return unexpected(op, {"IN", "=", "=~"});
  }
}

Status Parser::tail(Show& show, bool with_order) {
  bool ordered = false;
  bool ascending = true;
  if (with_order) RESMON_TRY(order(ordered, ascending));
  RESMON_ASSIGN(show.limit, count(Token::kLimit));
  RESMON_ASSIGN(show.offset, count(Token::kOffset));
  return {};
}

}  // namespace resmon::influxql
