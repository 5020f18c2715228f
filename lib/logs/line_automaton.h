#pragma once

// A deterministic automaton of a regex, to leave out texts that cannot match without putting them together: a text is
// run piece by piece, and what a piece of a template does to a state is computed once (texts_read.cc).
//
// It accepts every text in which RE2 finds the regex, and some in which it does not: word boundaries, (?m) and Unicode
// classes are taken for anything, and other letters than ASCII for any of them. So RE2 has the last word on a text that
// is accepted. Immutable; thread-safe.

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace resmon::logs {

class LineAutomaton {
 public:
  using State = std::uint16_t;
  static constexpr State kMatched = 0;  // stays so, whatever comes
  static constexpr std::size_t kMostStates = 256;

  // `pattern` is one that RE2 takes, in its default syntax. Null: it needs too many states, has what is not known here,
  // or accepts every text.
  static std::shared_ptr<const LineAutomaton> of_regex(std::string_view pattern);

  State start() const { return start_; }
  std::size_t states() const { return at_end_.size(); }
  State run(State state, std::string_view bytes) const {
    for (const char c : bytes)
      state = next_[(static_cast<std::size_t>(state) << row_bits_) + class_of_[static_cast<std::uint8_t>(c)]];
    return state;
  }
  // Of the state at the end of a text.
  bool accepts(State state) const { return at_end_[state]; }

 private:
  LineAutomaton() = default;

  State start_ = 0;
  unsigned row_bits_ = 0;  // a row of next_ has a power of two
  std::array<std::uint8_t, 256> class_of_{};
  std::vector<State> next_;  // by state and class
  std::vector<bool> at_end_;
};

}  // namespace resmon::logs
