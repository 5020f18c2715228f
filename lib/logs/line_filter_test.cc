#include "logs/line_filter.h"

#include <gtest/gtest.h>
#include <re2/re2.h>

#include <random>

#include "logs/texts.h"
#include "logs/words.h"

namespace resmon::logs {
namespace {

// Random lines of a few templates, with values that look like the words of others.
std::vector<std::string> some_lines(std::mt19937& random) {
  const auto one = [&](std::initializer_list<const char*> words) {
    return std::string(words.begin()[random() % words.size()]);
  };
  std::vector<std::string> out;
  for (int i = 0; i < 300; ++i) {
    const std::string n = std::to_string(random() % 500);
    switch (random() % 6) {
      case 0:
        out.push_back("customer_id = " + n + " " + one({"Found", "missing"}));
        break;
      case 1:
        out.push_back("GET /items/" + n + "?page=" + std::to_string(random() % 9) + " status=" + one({"200", "503"}));
        break;
      case 2:
        out.push_back("x7customer_id = " + n + "needle" + std::to_string(random() % 3));
        break;
      case 3:
        out.push_back("id deadbeef" + std::to_string(10 + random() % 80) + " from 10.0." +
                      std::to_string(random() % 200) + ".7");
        break;
      case 4:
        out.push_back(one({"only", "once"}) + " " + std::string(random() % 5, 'z') + n +
                      one({"", " customer_id = 9", "\n"}));
        break;
      default:
        out.push_back("no digits at all, NEEDLE");
    }
  }
  return out;
}

struct Filtered {
  std::vector<bool> left_out;
  std::size_t count = 0;
};

Filtered filtered(const std::vector<std::string>& lines, const LineFilter& filter) {
  const std::vector<std::string_view> views(lines.begin(), lines.end());
  std::string bytes;
  std::vector<std::uint64_t> hashes;
  encode_texts(views, 3, bytes, hashes);
  std::string_view rest = bytes;
  Filtered out;
  const auto texts = decode_texts(rest, lines.size(), 1U << 20U, &filter, &out.left_out);
  EXPECT_TRUE(texts.has_value());
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (out.left_out[i])
      ++out.count;
    else
      EXPECT_EQ((*texts)[i], lines[i]);
  }
  return out;
}

TEST(LineFilter, LeavesOutNoLineThatMatches) {
  std::mt19937 random(5);
  for (int round = 0; round < 20; ++round) {
    const std::vector<std::string> lines = some_lines(random);
    for (const char* pattern : {"customer_id = 4",
                                "customer_id = \\d+",
                                "id = 12",
                                "status=5\\d\\d",
                                "needle|status",
                                "(?i)needle",
                                "7\\?page=3",
                                "beef1",
                                "10\\.0\\.1",
                                "0.7",
                                "deadbeef\\d+ from",
                                "zzz",
                                "once|missing",
                                "^GET",
                                "Found$",
                                "^(only|no) ",
                                "page=[0-4] status=2",
                                "r_id = 9",
                                "ITEMS",
                                "(?i)ITEMS/4"}) {
      const auto filter = LineFilter::of_regex(pattern);
      if (!filter) continue;
      const re2::RE2 regex(pattern);
      const Filtered found = filtered(lines, *filter);
      for (std::size_t i = 0; i < lines.size(); ++i) {
        if (!found.left_out[i]) continue;
        EXPECT_FALSE(re2::RE2::PartialMatch(lines[i], regex)) << pattern << ": " << lines[i];
      }
    }
    for (const char* phrase :
         {"customer_id = 4", "needle", "needle1", "status=503", "4", "10.0.1", "beef", "items/4"}) {
      const Filtered found = filtered(lines, *LineFilter::of_phrase(phrase));
      for (std::size_t i = 0; i < lines.size(); ++i) {
        if (!found.left_out[i]) continue;
        EXPECT_EQ(to_lower(lines[i]).find(phrase), std::string::npos) << phrase << ": " << lines[i];
      }
    }
  }
}

TEST(LineFilter, LeavesOutTemplatesThatCannotHaveIt) {
  std::vector<std::string> lines;
  for (int i = 0; i < 100; ++i) {
    lines.push_back("customer_id = " + std::to_string(i) + " found");
    lines.push_back("GET /items/" + std::to_string(i));
  }
  EXPECT_EQ(filtered(lines, *LineFilter::of_regex("customer_id = 99[0-9]?")).count, 199U) << "each line by itself";
  EXPECT_EQ(filtered(lines, *LineFilter::of_regex(".*[0-9] f.*")).count, 100U);
  EXPECT_EQ(filtered(lines, *LineFilter::of_phrase("items/7")).count, 100U);
  EXPECT_EQ(filtered(lines, *LineFilter::of_phrase("nowhere")).count, 200U);
}

TEST(LineFilter, NothingIsKnownOfSomeRegexes) {
  for (const char* pattern : {"", ".*", "a?b?", "[0-9]*", "needle|", "(", ".{20}x.{20}"})
    EXPECT_FALSE(LineFilter::of_regex(pattern)) << pattern;
  EXPECT_FALSE(LineFilter::of_phrase("caf\xc3\xa9"));
}

}  // namespace
}  // namespace resmon::logs
