#include "influxql/parse/parser.h"

#include <charconv>

#include "influxql/parse/parser_internal.h"

// Recursive descent over lexemes of which the last three can be given back. The order in which things are tried, and
// what is given back when, follows InfluxDB's grammar closely: its error messages name what would have been accepted at
// that point.

namespace resmon::influxql {
namespace {

std::string found_text(const Lexeme& lexeme) {
  return lexeme.text.empty() ? std::string(token_name(lexeme.token)) : lexeme.text;
}

// Replaces a bound parameter by the lexeme it stands for.
struct Bind {
  Lexeme& lexeme;

  void operator()(double v) const {
    std::array<char, 400> text{};
    const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), v, std::chars_format::fixed);
    set(Token::kNumber, error == std::errc() ? std::string(text.data(), end) : "0");
  }
  void operator()(std::int64_t v) const { set(Token::kInteger, std::to_string(v)); }
  void operator()(bool v) const { set(v ? Token::kTrue : Token::kFalse, ""); }
  void operator()(const std::string& v) const { set(Token::kString, v); }
  void operator()(const Duration& v) const { set(Token::kDurationValue, v.text); }
  void operator()(const Identifier& v) const { set(Token::kIdent, v.name); }
  void operator()(const RegexText& v) const { set(Token::kRegex, v.pattern); }
  void operator()(const Unbindable& v) const { set(Token::kBoundParam, v.message); }

  void set(Token token, std::string text) const {
    lexeme.token = token;
    lexeme.text = std::move(text);
  }
};

}  // namespace

std::string Parser::where(Position at) {
  return " at line " + std::to_string(at.line + 1) + ", char " + std::to_string(at.character + 1);
}

Unexpected<Error> Parser::unexpected(const Lexeme& found, std::initializer_list<std::string_view> expected) {
  std::string message = "found " + found_text(found) + ", expected ";
  bool first = true;
  for (const std::string_view word : expected) {
    if (!first) message += ", ";
    message += word;
    first = false;
  }
  return fail(ErrorKind::kInvalid, message + where(found.at));
}

Unexpected<Error> Parser::error_at(std::string_view message, Position at) {
  return fail(ErrorKind::kInvalid, std::string(message) + where(at));
}

Lexeme Parser::scan(Lexeme (Lexer::*read)()) {
  if (unscanned_ > 0) {
    --unscanned_;
  } else {
    last_ = (last_ + 1) % ring_.size();
    ring_[last_] = (lexer_.*read)();
  }
  Lexeme lexeme = ring_[(last_ + ring_.size() - unscanned_) % ring_.size()];
  if (lexeme.token == Token::kBoundParam) {
    const auto found = params_.find(std::string_view(lexeme.text).substr(1));
    if (found != params_.end()) std::visit(Bind{lexeme}, found->second);
  }
  return lexeme;
}

Lexeme Parser::scan_solid() {
  for (;;) {
    Lexeme lexeme = scan();
    if (lexeme.token != Token::kWhitespace && lexeme.token != Token::kComment) return lexeme;
  }
}

bool Parser::accept(Token token) {
  if (scan_solid().token == token) return true;
  unscan();
  return false;
}

void Parser::skip_whitespace() {
  if (scan().token != Token::kWhitespace) unscan();
}

Status Parser::expect(Token token) {
  const Lexeme found = scan_solid();
  if (found.token != token) return unexpected(found, {token_name(token)});
  return {};
}

Result<std::string> Parser::ident() {
  Lexeme found = scan_solid();
  if (found.token != Token::kIdent) return unexpected(found, {"identifier"});
  return std::move(found.text);
}

Result<std::int64_t> Parser::count(Token keyword) {
  if (!accept(keyword)) return std::int64_t{0};
  const Lexeme found = scan_solid();
  if (found.token != Token::kInteger) return unexpected(found, {"integer"});
  std::int64_t value = 0;
  const char* end = found.text.data() + found.text.size();
  if (std::from_chars(found.text.data(), end, value).ec != std::errc()) value = INT64_MAX;
  if (value < 0) return error_at(std::string(token_name(keyword)) + " must be >= 0", found.at);
  return value;
}

Result<std::vector<Statement>> Parser::query() {
  std::vector<Statement> statements;
  bool separated = true;
  for (;;) {
    const Lexeme found = scan_solid();
    if (found.token == Token::kEof) return statements;
    if (found.token == Token::kSemicolon) {
      separated = true;
      continue;
    }
    if (!separated) return unexpected(found, {";"});
    unscan();
    RESMON_ASSIGN(Statement one, statement());
    statements.push_back(std::move(one));
    separated = false;
  }
}

Result<Statement> Parser::statement() {
  const Lexeme found = scan_solid();
  switch (found.token) {
    case Token::kSelect: {
      RESMON_ASSIGN(Select one, select());
      return Statement(std::move(one));
    }
    case Token::kShow:
      return show();
    case Token::kCreate:
      return create();
    case Token::kDelete:
      return delete_rows();
    case Token::kDrop:
      return drop();
    case Token::kExplain:
      return explain();
    case Token::kKill:
      return kill_query();
    case Token::kGrant:
    case Token::kRevoke:
    case Token::kAlter:
    case Token::kSet:
      return refused_later(found.token);
    default:
      return unexpected(
          found, {"SELECT", "DELETE", "SHOW", "CREATE", "DROP", "EXPLAIN", "GRANT", "REVOKE", "ALTER", "SET", "KILL"});
  }
}

Result<Statement> Parser::create() {
  const Lexeme found = scan_solid();
  switch (found.token) {
    case Token::kContinuous:
    case Token::kUser:
    case Token::kSubscription:
      return unsupported("CREATE " + std::string(token_name(found.token)));
    case Token::kRetention:
      RESMON_TRY(expect(Token::kPolicy));
      return unsupported("CREATE RETENTION POLICY");
    case Token::kDatabase:
      break;
    default:
      return unexpected(found, {"CONTINUOUS", "DATABASE", "USER", "RETENTION", "SUBSCRIPTION"});
  }
  CreateDatabase statement;
  RESMON_ASSIGN(statement.name, ident());
  if (!accept(Token::kWith)) return Statement(std::move(statement));
  // The retention policy that may follow has no meaning here, but it must be one: known words with a value each.
  const Lexeme first = scan_solid();
  if (first.token != Token::kDuration && first.token != Token::kName && first.token != Token::kReplication &&
      first.token != Token::kShard) {
    return unexpected(first, {"DURATION", "NAME", "REPLICATION", "SHARD"});
  }
  unscan();
  const auto duration = [this]() -> Status {
    const Lexeme value = scan_solid();
    if (value.token != Token::kDurationValue && value.token != Token::kInf) return unexpected(value, {"duration"});
    return {};
  };
  if (accept(Token::kDuration)) RESMON_TRY(duration());
  if (accept(Token::kReplication)) {
    const Lexeme value = scan_solid();
    if (value.token != Token::kInteger) return unexpected(value, {"integer"});
  }
  if (accept(Token::kShard)) {
    RESMON_TRY(expect(Token::kDuration));
    RESMON_TRY(duration());
  }
  if (accept(Token::kName)) RESMON_TRY(ident());
  return Statement(std::move(statement));
}

Result<std::vector<Statement>> parse(std::string_view text, const Parameters& params, const ParseLimits& limits) {
  if (text.size() > limits.text_bytes) {
    return fail(ErrorKind::kLimit, "query is longer than " + std::to_string(limits.text_bytes) + " bytes");
  }
  return Parser(text, params, limits).query();
}

}  // namespace resmon::influxql
