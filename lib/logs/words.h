#pragma once

// A word is a run of letters, digits and '_'. Bytes above 127 belong to words, so letters of any script do.
// Words are compared without regard to the case of ASCII letters.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace resmon::logs {

inline bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
inline bool is_word_char(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || static_cast<signed char>(c) < 0;
}
inline char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}
inline std::string to_lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = lower(c);
  return out;
}

// Calls `take` for each word of the text.
template <class Take>
void for_words(std::string_view text, Take take) {
  for (std::size_t i = 0; i < text.size();) {
    if (!is_word_char(text[i])) {
      ++i;
      continue;
    }
    std::size_t end = i + 1;
    while (end < text.size() && is_word_char(text[end])) ++end;
    take(text.substr(i, end - i));
    i = end;
  }
}

// Numbers are most of a log's words and hardly any two are alike, so filters leave them out: a search for one looks
// into the blocks themselves.
inline bool is_number(std::string_view word) {
  for (const char c : word)
    if (!is_digit(c)) return false;
  return true;
}

// The hash under which a filter knows a word.
std::uint64_t word_hash(std::string_view word);

// Which words a block has, with about 0.4 % of false answers "maybe", at about 10 bits a word.
class WordFilter {
 public:
  // Of the hashes of a block's words, in any order, repeated or not; it sorts them.
  static std::string build(std::vector<std::uint64_t>& hashes);
  // The bytes that build returned; with any other bytes every word may be contained.
  explicit WordFilter(std::string_view bytes);
  bool may_have(std::uint64_t hash) const;

 private:
  std::string_view slots_;
  std::uint64_t seed_ = 0;
  std::uint32_t segment_slots_ = 0;
  std::uint32_t segments_ = 0;
};

}  // namespace resmon::logs
