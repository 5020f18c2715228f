#pragma once

#include <memory>
#include <string>
#include <vector>

#include "logs/line_filter.h"
#include "logs/query.h"

namespace re2 {
class RE2;
}

namespace resmon::logs {

enum class Target : std::uint8_t { kText, kMessage, kUnit, kHost, kSource, kLevel, kPid, kField };

struct Query::Node {
  enum class Kind : std::uint8_t {
    kEverything,
    kAnd,
    kOr,
    kNot,
    kPhrase,  // words in this order, in a text
    kName,    // the whole of a host, source, unit, pid or field's value
    kRegex,
    kLevel,
    kExists,  // there is such a field
  };
  Kind kind = Kind::kEverything;
  Target target = Target::kText;
  std::string field;                                  // of Target::kField
  std::string value;                                  // kPhrase: in lower case
  bool prefix = false;                                // kPhrase: its last word may go on
  std::vector<std::uint64_t> hashes;                  // kPhrase: of its words that filters have
  std::shared_ptr<const re2::RE2> regex;              // kRegex
  std::shared_ptr<const LineFilter> filter;           // kPhrase, kRegex: of messages; may be null
  std::uint16_t levels = 0;                           // kLevel: a bit for each that matches
  std::vector<std::shared_ptr<const Node>> children;  // kAnd, kOr, kNot
};

}  // namespace resmon::logs
