#include "logs/line_automaton.h"

#include <gtest/gtest.h>
#include <re2/re2.h>

#include <random>
#include <string>
#include <vector>

namespace resmon::logs {
namespace {

bool accepts(const LineAutomaton& automaton, std::string_view text) {
  return automaton.accepts(automaton.run(automaton.start(), text));
}

// Where it is exact: the same answer as RE2's.
TEST(LineAutomatonTest, AgreesWithRe2) {
  const std::vector<std::string> texts = {"",     "a",    "abc",         "xabcx", "9999",   " 99990", "n1e2e3d4l5e",
                                          "ABC",  "a\nb", "status=503",  "ab",    "abab",   "a.b",    "tab\there",
                                          "a{2}", "aa",   "]",           "x-y",   "_word1", "é",      "naïve",
                                          "\\d",  "a|b",  "192.168.1.7", "ABab",  "aaab",   "()",     "end$"};
  for (const char* const pattern : {"abc",
                                    "^abc",
                                    "abc$",
                                    "^abc$",
                                    "a|c$",
                                    " 9{4}[0-9]|n.e.e.d.l.e",
                                    "(?i)ABC",
                                    "status=5\\d\\d",
                                    "(ab)+",
                                    "a\\.b",
                                    "\\t",
                                    "a\\{2}",
                                    "a{2}",
                                    "a{2,}b",
                                    "[]]",
                                    "[^a-z]",
                                    "[a-c-]",
                                    "\\w+\\d",
                                    "(?:a|b){2,3}",
                                    "^$",
                                    "^\\s*$",
                                    "\\Qa|b\\E",
                                    "(?i:a)b",
                                    "\\x61b",
                                    "[\\d.]{7,}",
                                    "\\(\\)",
                                    "\\$$",
                                    "(?P<x>a)b",
                                    "a?b?c",
                                    "\\Aa",
                                    "b\\z",
                                    "x|^a",
                                    "é",
                                    "na[ïi]ve",
                                    "[[:digit:]]+x",
                                    "a(?i)B",
                                    "(a|b)(?i)c|D",
                                    "x*$",
                                    "\\141",
                                    "(|a)b"}) {
    const re2::RE2 regex(pattern);
    ASSERT_TRUE(regex.ok()) << pattern;
    const auto automaton = LineAutomaton::of_regex(pattern);
    if (automaton == nullptr) {
      EXPECT_TRUE(re2::RE2::PartialMatch("", regex)) << pattern << " is not known";
      continue;
    }
    for (const std::string& text : texts) {
      const bool matches = re2::RE2::PartialMatch(text, regex);
      if (std::string_view(pattern) == "[[:digit:]]+x")
        EXPECT_TRUE(!matches || accepts(*automaton, text)) << pattern << " in " << text;
      else
        EXPECT_EQ(accepts(*automaton, text), matches) << pattern << " in " << text;
    }
  }
}

TEST(LineAutomatonTest, NothingThatRe2FindsIsLeftOut) {
  std::mt19937 random(7);
  const std::vector<std::string> pieces = {"a",
                                           "b",
                                           "k",
                                           "9",
                                           ".",
                                           "\\d",
                                           "\\w",
                                           "\\W",
                                           "\\s",
                                           "[a-c]",
                                           "[^a]",
                                           "(?i)",
                                           "(",
                                           ")",
                                           "|",
                                           "*",
                                           "+",
                                           "?",
                                           "{2}",
                                           "{1,3}",
                                           "^",
                                           "$",
                                           "\\b",
                                           "(?:",
                                           "é",
                                           "[é-ü]",
                                           "[^é]",
                                           "\\pL",
                                           "[^\\PN]",
                                           "(?m)",
                                           "\\B",
                                           "(?i:",
                                           "[k-s]",
                                           "\\.",
                                           "[\\W]",
                                           "\\x41",
                                           "[[:^alpha:]]",
                                           "(?s)",
                                           "\\C",
                                           "{,2}",
                                           "[^[:digit:]a]",
                                           "\\Qa+\\E"};
  const std::vector<std::string> letters = {"a",  "b", "c", "k", "K", "\xe2\x84\xaa", "s", "9", " ",
                                            "\n", "é", "ü", ".", "A", "\xff",         "ſ", "_", "{,2}"};
  std::size_t made = 0, found = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string pattern;
    for (std::size_t i = 1 + random() % 7; i > 0; --i) pattern += pieces[random() % pieces.size()];
    re2::RE2::Options options;
    options.set_log_errors(false);
    const re2::RE2 regex(pattern, options);
    if (!regex.ok()) continue;
    const auto automaton = LineAutomaton::of_regex(pattern);
    if (automaton == nullptr) continue;
    ++made;
    for (int n = 0; n < 12; ++n) {
      std::string text;
      for (std::size_t i = random() % 7; i > 0; --i) text += letters[random() % letters.size()];
      if (!re2::RE2::PartialMatch(text, regex)) continue;
      ++found;
      ASSERT_TRUE(accepts(*automaton, text)) << pattern << " in " << text;
    }
  }
  EXPECT_GT(made, 1000U);
  EXPECT_GT(found, 1000U);
}

TEST(LineAutomatonTest, APieceAtATimeIsTheSame) {
  const auto automaton = LineAutomaton::of_regex("user=\\d{4,}.*status=5");
  ASSERT_NE(automaton, nullptr);
  const std::string text = "id=7 user=12345 path=/x status=503";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    const auto half = automaton->run(automaton->start(), std::string_view(text).substr(0, cut));
    EXPECT_TRUE(automaton->accepts(automaton->run(half, std::string_view(text).substr(cut))));
  }
}

TEST(LineAutomatonTest, NumbersAreRunAsTheyAreWritten) {
  std::mt19937_64 random(3);
  for (const char* const pattern : {"0{2}7|99", "[1-3]0*5", "12.?34", "(?:\\d\\d)+$", "af|0b"}) {
    const auto automaton = LineAutomaton::of_regex(pattern);
    ASSERT_NE(automaton, nullptr) << pattern;
    for (int i = 0; i < 3000; ++i) {
      const std::uint64_t number = random() >> (random() % 64);
      const std::string digits = std::to_string(number);
      const auto state = automaton->run(automaton->start(), std::to_string(random() % 100));
      ASSERT_EQ(automaton->run_number(state, number), automaton->run(state, digits)) << digits;
      const auto width = static_cast<unsigned>(digits.size() + random() % 4);
      ASSERT_EQ(automaton->run_padded(state, number, width),
                automaton->run(state, std::string(width - digits.size(), '0') + digits))
          << digits;
      const char hex[] = {"0123456789abcdef"[number & 15U], "0123456789abcdef"[number >> 4U & 15U], '\0'};
      ASSERT_EQ(automaton->run_hex(state, static_cast<std::uint8_t>(number & 255U)), automaton->run(state, hex));
    }
  }
}

TEST(LineAutomatonTest, WhatWouldBeTooLargeIsNotMade) {
  for (const char* const pattern : {"a.{20}b", "(a|b)*a(a|b){12}", "x{1000}", "[a-z]{300}y[0-9]{300}"})
    EXPECT_EQ(LineAutomaton::of_regex(pattern), nullptr) << pattern;
  EXPECT_EQ(LineAutomaton::of_regex(".*"), nullptr) << "it leaves nothing out";
  EXPECT_EQ(LineAutomaton::of_regex("a*"), nullptr);
  std::string nested(5000, '(');
  EXPECT_EQ(LineAutomaton::of_regex(nested + "a" + std::string(5000, ')')), nullptr);
}

}  // namespace
}  // namespace resmon::logs
