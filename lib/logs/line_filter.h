#pragma once

// Which texts of a block can match, by the templates that they are made of (texts.cc): a search for a number or a regex
// looks at the lines of these templates, and does not even put the others together. Of those that are left, a regex's
// automaton leaves out single lines. Immutable; thread-safe.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "logs/line_automaton.h"

namespace re2 {
class FilteredRE2;
}

namespace resmon::logs {

class LineFilter {
 public:
  // Null: nothing is known of what must be in a text that matches.
  static std::shared_ptr<const LineFilter> of_regex(const std::string& pattern);
  // `phrase` must be in the text, in any case; it is in lower case.
  static std::shared_ptr<const LineFilter> of_phrase(std::string_view phrase);
  ~LineFilter();

  // What is known of the values of all templates of a block.
  struct Strings {
    struct Found {
      bool whole = false;  // of each part of the literal: some value may have it
      bool first = false;
      bool last = false;
    };
    std::vector<Found> found;  // by literal
  };
  // `strings`: all values that are kept as text.
  Strings look_at(std::string_view strings) const;
  // Of a regex; may be null.
  const LineAutomaton* automaton() const { return automaton_.get(); }
  // False: no text of this template can match.
  bool may_match(std::string_view shape, const Strings& strings) const;

 private:
  // A text that must be there, and how a template has it: its inner tokens are in the template, or places where they
  // have digits; its first and last may be ends of longer ones, in the template or in a value.
  struct Literal {
    std::string text;
    bool unknown = false;    // it may be anywhere
    bool one_token = false;  // it has no delimiter
    std::string first;
    std::string middle;  // with places
    std::string last;
    bool first_has_digit = false;
    bool last_has_digit = false;
  };
  LineFilter();
  void find_literals(const std::string& pattern);
  static Literal take_apart(std::string text);
  static bool may_have(const Literal& literal, std::string_view shape, const Strings::Found& found);

  std::vector<Literal> literals_;            // none: any template may match
  std::unique_ptr<re2::FilteredRE2> regex_;  // null: the only literal is needed
  std::shared_ptr<const LineAutomaton> automaton_;
};

}  // namespace resmon::logs
