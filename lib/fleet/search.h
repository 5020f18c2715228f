#pragma once

// The fleet's search: which hosts a text such as `site:north disk>90` means. The page searches its list with the same
// language (web/src/core/hosts.ts), and the table of search_test.cc holds the cases that both must answer alike.
//
// Words are separated by blanks and must all match; a part in double quotes may hold blanks (`site:"new york"`).
//
//   key:value     a tag whose value contains the text, people's tags first; `state:` and `version:` compare the
//   beginning;
//                 `state:paused` is what people paused
//   host:a,b      the hosts of just these names
//   disk>90       compares a number of the overview: cpu, memory (or mem), swap, disk, load (per core), pressure
//   -word         hosts that do not match the word
//   anything else is looked for in the name, the address, the tags, and people's name and note
//
// Letters of ASCII match whatever their case. An empty search means every host.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fleet/host.h"

namespace resmon::fleet {

class Search {
 public:
  Search() = default;
  // Every text is a search: what is no comparison and no tag is looked for as it stands.
  explicit Search(std::string_view text);

  bool matches(const Host& host) const;
  bool everything() const { return words_.empty(); }
  // Whether the answer can change with every sample, because a number or the state is compared.
  bool volatile_answer() const;
  const std::string& text() const { return text_; }

 private:
  struct Comparison {
    std::string key;
    bool greater = false;
    double limit = 0;
  };
  struct Word {
    std::string text;  // in small letters
    bool negated = false;
    std::optional<Comparison> comparison;
  };
  static bool matches(const Host& host, const Word& word);

  std::string text_;
  std::vector<Word> words_;
};

// A number that a search may compare; nothing where the host did not report it.
std::optional<double> overview_number(const Host& host, std::string_view key);

}  // namespace resmon::fleet
