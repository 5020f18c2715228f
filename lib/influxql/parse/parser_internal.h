#pragma once

// The parser's state and the pieces that its files share.

#include <array>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "influxql/parse/lexer.h"
#include "influxql/parse/parser.h"

namespace resmon::influxql {

class Parser {
 public:
  Parser(std::string_view text, const Parameters& params, const ParseLimits& limits)
      : lexer_(text), params_(params), limits_(limits) {}

  Result<std::vector<Statement>> query();

 private:
  // parser.cc: lexemes, and the statements.
  Lexeme scan() { return scan(&Lexer::next); }
  Lexeme scan(Lexeme (Lexer::*read)());
  Lexeme scan_solid();  // skips whitespace and comments
  void unscan() { ++unscanned_; }
  bool accept(Token token);  // takes the next solid lexeme if it is that
  void skip_whitespace();
  Status expect(Token token);
  Result<std::string> ident();
  Result<std::int64_t> count(Token keyword);  // "LIMIT 5", or 0 where the keyword is not next
  static Unexpected<Error> unexpected(const Lexeme& found, std::initializer_list<std::string_view> expected);
  static std::string where(Position at);  // " at line 1, char 5"
  static Unexpected<Error> error_at(std::string_view message, Position at);
  static Unexpected<Error> error_text(std::string message) { return fail(ErrorKind::kInvalid, std::move(message)); }

  Result<Statement> statement();
  Result<Statement> create();

  // parser_change.cc: what changes data, or would.
  Result<Statement> drop();
  Result<Statement> delete_rows();
  Result<Statement> delete_from(Delete::What what);
  Result<Statement> kill_query();
  Result<Statement> explain();
  Result<Statement> refused_later(Token verb);
  Result<Statement> unsupported(std::string name);

  // parser_select.cc
  Result<Select> select();
  Result<SelectField> field();
  Result<std::vector<Source>> sources(bool subqueries);
  Result<Source> source(bool subqueries);
  Result<std::vector<std::string>> segments();
  Result<Source> target();
  Result<ExprPtr> condition();
  Result<std::vector<ExprPtr>> dimensions();
  Status fill(Select& select);
  Status order(bool& ordered, bool& ascending);
  Status zone(Select& select);

  // parser_show.cc
  Result<Statement> show();
  Result<Statement> show_keys(Show::What list, Show::What cardinality, bool plural);
  Result<Statement> show_measurements();
  Result<Statement> show_tag_values();
  Result<Statement> show_series();
  Result<Statement> show_state(Token what);  // what is not of the data: USERS, QUERIES, SHARDS …
  Result<Statement> show_cardinality(Show::What what, bool exact, bool needs_word, bool with_key);
  Status on_database(Show& show);
  Status on_policy(Show& show);
  Status from(Show& show);
  Status with_key(Show& show);
  Status tail(Show& show, bool with_order);

  // parser_expr.cc
  Result<ExprPtr> expression();
  Result<ExprPtr> unary();
  Result<ExprPtr> signed_unary(Token sign);
  Result<ExprPtr> distinct();
  Result<ExprPtr> wildcard();
  Result<ExprPtr> constant(const Lexeme& found);
  Result<ExprPtr> call(std::string name);
  Result<ExprPtr> variable();
  Result<std::shared_ptr<const Regex>> regex();  // null where none is next
  Result<ExprPtr> regex_expr();                  // null where none is next
  Result<ExprPtr> node(ExprPtr expr);            // counts it

  class Nest;

  Lexer lexer_;
  const Parameters& params_;
  const ParseLimits& limits_;
  std::array<Lexeme, 3> ring_{};
  std::size_t last_ = 0;
  std::size_t unscanned_ = 0;
  std::size_t depth_ = 0;
  std::size_t nodes_ = 0;
};

// Counts one level of nesting for as long as it lives.
class Parser::Nest {
 public:
  explicit Nest(Parser& parser) : parser_(parser) { ++parser_.depth_; }
  ~Nest() { --parser_.depth_; }
  Nest(const Nest&) = delete;
  Nest& operator=(const Nest&) = delete;
  bool too_deep() const { return parser_.depth_ > parser_.limits_.depth; }

 private:
  Parser& parser_;
};

}  // namespace resmon::influxql
