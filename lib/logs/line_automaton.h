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
  using State = std::uint8_t;
  static constexpr State kMatched = 0;  // stays so, whatever comes
  static constexpr std::size_t kMostStates = 255;

  // `pattern` is one that RE2 takes, in its default syntax. Null: it needs too many states, has what is not known here,
  // or accepts every text.
  static std::shared_ptr<const LineAutomaton> of_regex(std::string_view pattern);

  State start() const { return start_; }
  std::size_t states() const { return at_end_.size(); }
  State run(State state, std::string_view bytes) const {
    for (const char c : bytes) state = step(state, c);
    return state;
  }
  State step(State state, char c) const {
    return next_[(static_cast<std::size_t>(state) << row_bits_) + class_of_[static_cast<std::uint8_t>(c)]];
  }
  // The same as run with the number in decimal, as short as it goes, or with zeros before it up to `width` digits.
  State run_number(State state, std::uint64_t number) const {
    if (number >= 1000) return run_three(run_number(state, number / 1000), number % 1000);
    return short_[state * 1000U + number];
  }
  State run_padded(State state, std::uint64_t number, unsigned width) const {
    if (width == 0) return state;
    if (width >= 3) return run_three(run_padded(state, number / 1000, width - 3), number % 1000);
    if (width == 2) state = run_number(state, number / 10 % 10);
    return run_number(state, number % 10);
  }
  // With two hexadecimal digits in lower case, the low half's first.
  State run_hex(State state, std::uint8_t byte) const { return hex_[state * 256U + byte]; }
  // Of the state at the end of a text.
  bool accepts(State state) const { return at_end_[state]; }

 private:
  LineAutomaton() = default;
  void find_numbers();
  State run_three(State state, std::uint64_t number) const { return three_[state * 1000U + number]; }

  State start_ = 0;
  unsigned row_bits_ = 0;  // a row of next_ has a power of two
  std::array<std::uint8_t, 256> class_of_{};
  std::vector<State> next_;  // by state and class
  std::vector<bool> at_end_;
  // By state: where each number below 1,000 leads, written short and with three digits, and each byte in hexadecimal.
  std::vector<State> short_, three_, hex_;
};

}  // namespace resmon::logs
