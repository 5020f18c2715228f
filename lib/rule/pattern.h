#pragma once

// What names and values are matched by: shell patterns, or regular expressions (RE2) between slashes. Linear in the
// text.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace re2 {
class RE2;
}

namespace resmon::rule {

// "cpu*", "eth[0-9]", "{sda,sdb}" match a whole text; "/^veth/" what contains a match.
class Pattern {
 public:
  // kInvalid: no pattern; why.
  static Result<Pattern> make(std::string_view text);
  bool matches(std::string_view text) const;
  bool is_literal() const { return !expression_; }   // matches its own text only
  const std::string& text() const { return text_; }  // as it was written

 private:
  std::string text_;
  std::shared_ptr<const re2::RE2> expression_;  // null: it matches `text_` only
  bool whole_ = true;
};

// Several: a text matches if it matches one of them.
class Patterns {
 public:
  static Result<Patterns> make(const std::vector<std::string>& texts);
  bool empty() const { return patterns_.empty(); }
  const std::vector<Pattern>& all() const { return patterns_; }
  bool matches(std::string_view text) const;

 private:
  std::vector<Pattern> patterns_;
};

}  // namespace resmon::rule
