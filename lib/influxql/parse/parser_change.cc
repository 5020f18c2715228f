// Parses statements that change data or show the server's state, and statements that are refused. The latter are parsed
// to their end, so that a syntax error is reported as one; the refusal names the setting or command to use instead.

#include <algorithm>
#include <array>
#include <charconv>

#include "influxql/parse/parser_internal.h"

namespace resmon::influxql {
namespace {

struct Instead {
  std::string_view statement;  // its first words
  std::string_view text;
};

constexpr std::string_view kRetention =
    "how long rows, minutes and hours are kept is set in the server's configuration: store.retain, "
    "store.minutes_retain, store.hours_retain";
constexpr std::string_view kWindows =
    "minutes and hours are kept without a continuous query: store.minutes_retain, store.hours_retain";
constexpr std::string_view kUsers = "users and tokens are set on the page, or by 'resmon-server user' and 'token'";
constexpr std::string_view kSinks = "samples are passed on as the sections [sink.NAME] of the configuration say";
constexpr std::array kInsteads{
    Instead{"CREATE RETENTION", kRetention},
    Instead{"ALTER RETENTION", kRetention},
    Instead{"DROP RETENTION", kRetention},
    Instead{"CREATE CONTINUOUS", kWindows},
    Instead{"DROP CONTINUOUS", kWindows},
    Instead{"CREATE USER", kUsers},
    Instead{"DROP USER", kUsers},
    Instead{"SET PASSWORD", kUsers},
    Instead{"GRANT", kUsers},
    Instead{"REVOKE", kUsers},
    Instead{"CREATE SUBSCRIPTION", kSinks},
    Instead{"DROP SUBSCRIPTION", kSinks},
    Instead{"DROP SHARD", "there are no shards"},
};

std::string instead_of(std::string_view statement) {
  for (const Instead& one : kInsteads)
    if (statement.starts_with(one.statement)) return std::string(one.text);
  return {};
}

}  // namespace

Result<Statement> Parser::delete_rows() {
  return delete_from(Delete::What::kRows);
}

// FROM and WHERE, at least one of them.
Result<Statement> Parser::delete_from(Delete::What what) {
  Delete out;
  out.what = what;
  const Lexeme found = scan_solid();
  if (found.token != Token::kFrom && found.token != Token::kWhere) return unexpected(found, {"FROM", "WHERE"});
  if (found.token == Token::kFrom) {
    RESMON_ASSIGN(out.sources, sources(false));
    for (const Source& source : out.sources) {
      if (what != Delete::What::kRows) break;
      if (!source.database.empty()) return error_at("database not supported", {});
      if (!source.retention_policy.empty()) return error_at("retention policy not supported", {});
    }
  } else {
    unscan();
  }
  RESMON_ASSIGN(out.condition, condition());
  return Statement(std::move(out));
}

Result<Statement> Parser::drop() {
  const Lexeme next = scan_solid();
  switch (next.token) {
    case Token::kMeasurement: {
      Delete out;
      out.what = Delete::What::kMeasurement;
      RESMON_ASSIGN(out.sources.emplace_back().name, ident());
      return Statement(std::move(out));
    }
    case Token::kSeries:
      return delete_from(Delete::What::kSeries);
    case Token::kDatabase: {
      DropDatabase out;
      RESMON_ASSIGN(out.name, ident());
      return Statement(std::move(out));
    }
    case Token::kRetention:
      RESMON_TRY(expect(Token::kPolicy));
      return unsupported("DROP RETENTION POLICY");
    case Token::kContinuous:
    case Token::kShard:
    case Token::kSubscription:
    case Token::kUser:
      return unsupported("DROP " + std::string(token_name(next.token)));
    default:
      return unexpected(
          next, {"CONTINUOUS", "DATABASE", "MEASUREMENT", "RETENTION", "SERIES", "SHARD", "SUBSCRIPTION", "USER"});
  }
}

// There is one server: the host that may be named is not looked at.
Result<Statement> Parser::kill_query() {
  RESMON_TRY(expect(Token::kQuery));
  const Lexeme found = scan_solid();
  KillQuery out;
  const char* const end = found.text.data() + found.text.size();
  if (found.token != Token::kInteger || std::from_chars(found.text.data(), end, out.id).ec != std::errc())
    return unexpected(found, {"integer"});
  if (accept(Token::kOn)) RESMON_TRY(ident());
  return Statement(out);
}

Result<Statement> Parser::explain() {
  Explain out;
  out.analyze = accept(Token::kAnalyze);
  RESMON_TRY(expect(Token::kSelect));
  RESMON_ASSIGN(out.select, select());
  return Statement(std::move(out));
}

Result<Statement> Parser::refused_later(Token verb) {
  const Lexeme next = scan_solid();
  const auto is_one_of = [&](std::initializer_list<Token> tokens) {
    return std::find(tokens.begin(), tokens.end(), next.token) != tokens.end();
  };
  if (verb == Token::kAlter) {
    if (next.token != Token::kRetention) return unexpected(next, {"RETENTION"});
    RESMON_TRY(expect(Token::kPolicy));
    return unsupported("ALTER RETENTION POLICY");
  }
  if (verb == Token::kSet) {
    if (next.token != Token::kPassword) return unexpected(next, {"PASSWORD"});
  } else if (!is_one_of({Token::kRead, Token::kWrite, Token::kAll})) {
    return unexpected(next, {"READ", "WRITE", "ALL [PRIVILEGES]"});
  }
  return unsupported(std::string(token_name(verb)) + " " + std::string(token_name(next.token)));
}

// A continuous query has a statement, and with it semicolons, within.
Result<Statement> Parser::unsupported(std::string name) {
  bool within = false;
  for (;;) {
    const Lexeme found = scan_solid();
    within = (within || found.token == Token::kBegin) && found.token != Token::kEnd;
    if (found.token == Token::kEof || (found.token == Token::kSemicolon && !within)) {
      unscan();
      std::string instead = instead_of(name);
      return Statement(Unsupported{std::move(name), std::move(instead)});
    }
  }
}

}  // namespace resmon::influxql
