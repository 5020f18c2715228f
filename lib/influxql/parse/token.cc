#include "influxql/parse/token.h"

#include <array>
#include <cstddef>
#include <string>
#include <unordered_map>

namespace resmon::influxql {
namespace {

constexpr std::array kNames = std::to_array<std::string_view>({
    "ILLEGAL",
    "EOF",
    "WS",
    "COMMENT",
    "IDENT",
    "BOUNDPARAM",
    "NUMBER",
    "INTEGER",
    "DURATIONVAL",
    "STRING",
    "BADSTRING",
    "BADESCAPE",
    "TRUE",
    "FALSE",
    "REGEX",
    "BADREGEX",
    "+",
    "-",
    "*",
    "/",
    "%",
    "&",
    "|",
    "^",
    "AND",
    "OR",
    "=",
    "!=",
    "=~",
    "!~",
    "<",
    "<=",
    ">",
    ">=",
    "(",
    ")",
    ",",
    ":",
    "::",
    ";",
    ".",
    "ALL",
    "ALTER",
    "ANALYZE",
    "ANY",
    "AS",
    "ASC",
    "BEGIN",
    "BY",
    "CARDINALITY",
    "CREATE",
    "CONTINUOUS",
    "DATABASE",
    "DATABASES",
    "DEFAULT",
    "DELETE",
    "DESC",
    "DESTINATIONS",
    "DIAGNOSTICS",
    "DISTINCT",
    "DROP",
    "DURATION",
    "END",
    "EVERY",
    "EXACT",
    "EXPLAIN",
    "FIELD",
    "FOR",
    "FROM",
    "GRANT",
    "GRANTS",
    "GROUP",
    "GROUPS",
    "IN",
    "INF",
    "INSERT",
    "INTO",
    "KEY",
    "KEYS",
    "KILL",
    "LIMIT",
    "MEASUREMENT",
    "MEASUREMENTS",
    "NAME",
    "OFFSET",
    "ON",
    "ORDER",
    "PASSWORD",
    "POLICY",
    "POLICIES",
    "PRIVILEGES",
    "QUERIES",
    "QUERY",
    "READ",
    "REPLICATION",
    "RESAMPLE",
    "RETENTION",
    "REVOKE",
    "SELECT",
    "SERIES",
    "SET",
    "SHARD",
    "SHARDS",
    "SHOW",
    "SLIMIT",
    "SOFFSET",
    "STATS",
    "SUBSCRIPTION",
    "SUBSCRIPTIONS",
    "TAG",
    "TO",
    "USER",
    "USERS",
    "VALUES",
    "WHERE",
    "WITH",
    "WRITE",
});
static_assert(kNames.size() == static_cast<std::size_t>(Token::kWrite) + 1);

bool is_word(Token t) {
  return t >= Token::kAll || t == Token::kAnd || t == Token::kOr || t == Token::kTrue || t == Token::kFalse;
}

}  // namespace

std::string_view token_name(Token token) {
  return kNames[static_cast<std::size_t>(token)];
}

Token keyword(std::string_view word) {
  static const auto table = [] {
    std::unordered_map<std::string_view, Token> words;
    for (std::size_t i = 0; i < kNames.size(); ++i) {
      if (is_word(static_cast<Token>(i))) words.emplace(kNames[i], static_cast<Token>(i));
    }
    return words;
  }();
  if (word.size() > 13) return Token::kIdent;
  std::string upper(word);
  for (char& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  const auto found = table.find(upper);
  return found == table.end() ? Token::kIdent : found->second;
}

int precedence(Token token) {
  switch (token) {
    case Token::kOr:
      return 1;
    case Token::kAnd:
      return 2;
    case Token::kEq:
    case Token::kNeq:
    case Token::kEqRegex:
    case Token::kNeqRegex:
    case Token::kLt:
    case Token::kLte:
    case Token::kGt:
    case Token::kGte:
      return 3;
    case Token::kAdd:
    case Token::kSub:
    case Token::kBitOr:
    case Token::kBitXor:
      return 4;
    case Token::kMul:
    case Token::kDiv:
    case Token::kMod:
    case Token::kBitAnd:
      return 5;
    default:
      return 0;
  }
}

}  // namespace resmon::influxql
