#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace resmon::influxql {

enum class Token : std::uint8_t {
  kIllegal,
  kEof,
  kWhitespace,
  kComment,
  kIdent,
  kBoundParam,
  kNumber,
  kInteger,
  kDurationValue,
  kString,
  kBadString,
  kBadEscape,
  kTrue,
  kFalse,
  kRegex,
  kBadRegex,
  // Operators; kAdd to kGte are what may stand between two expressions.
  kAdd,
  kSub,
  kMul,
  kDiv,
  kMod,
  kBitAnd,
  kBitOr,
  kBitXor,
  kAnd,
  kOr,
  kEq,
  kNeq,
  kEqRegex,
  kNeqRegex,
  kLt,
  kLte,
  kGt,
  kGte,
  kLeftParen,
  kRightParen,
  kComma,
  kColon,
  kDoubleColon,
  kSemicolon,
  kDot,
  // Keywords.
  kAll,
  kAlter,
  kAnalyze,
  kAny,
  kAs,
  kAsc,
  kBegin,
  kBy,
  kCardinality,
  kCreate,
  kContinuous,
  kDatabase,
  kDatabases,
  kDefault,
  kDelete,
  kDesc,
  kDestinations,
  kDiagnostics,
  kDistinct,
  kDrop,
  kDuration,
  kEnd,
  kEvery,
  kExact,
  kExplain,
  kField,
  kFor,
  kFrom,
  kGrant,
  kGrants,
  kGroup,
  kGroups,
  kIn,
  kInf,
  kInsert,
  kInto,
  kKey,
  kKeys,
  kKill,
  kLimit,
  kMeasurement,
  kMeasurements,
  kName,
  kOffset,
  kOn,
  kOrder,
  kPassword,
  kPolicy,
  kPolicies,
  kPrivileges,
  kQueries,
  kQuery,
  kRead,
  kReplication,
  kResample,
  kRetention,
  kRevoke,
  kSelect,
  kSeries,
  kSet,
  kShard,
  kShards,
  kShow,
  kSlimit,
  kSoffset,
  kStats,
  kSubscription,
  kSubscriptions,
  kTag,
  kTo,
  kUser,
  kUsers,
  kValues,
  kWhere,
  kWith,
  kWrite,
};

// As it stands in an error: a keyword in capitals, an operator as written, else a word such as "EOF".
std::string_view token_name(Token token);
// The keyword spelt `word` in any case, or kIdent.
Token keyword(std::string_view word);
constexpr bool is_operator(Token t) {
  return t >= Token::kAdd && t <= Token::kGte;
}
constexpr bool is_comparison(Token t) {
  return t >= Token::kEq && t <= Token::kGte;
}
// Higher binds tighter; 0 where the token is no operator.
int precedence(Token token);

struct Position {
  std::uint32_t line = 0;  // both from 0; a character is a code point
  std::uint32_t character = 0;
};

struct Lexeme {
  Token token = Token::kIllegal;
  Position at;
  std::string text;  // what a literal or identifier says, unquoted
};

}  // namespace resmon::influxql
