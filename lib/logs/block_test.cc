#include "logs/block.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <random>

#include "base/crc32c.h"
#include "base/file.h"
#include "logs/bytes.h"
#include "logs/pack.h"
#include "logs/part.h"
#include "logs/texts.h"
#include "logs/words.h"

namespace resmon::logs {
namespace {

std::vector<std::string> back(const std::vector<std::string>& texts, std::vector<std::uint64_t>& hashes) {
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  std::string bytes;
  encode_texts(views, 3, bytes, hashes);
  std::string_view rest = bytes;
  auto decoded = decode_texts(rest, texts.size(), 64U << 20U);
  EXPECT_TRUE(decoded.has_value() && rest.empty()) << (decoded ? "" : decoded.error().message);
  std::vector<std::string> out;
  if (decoded)
    for (std::size_t i = 0; i < decoded->size(); ++i) out.emplace_back((*decoded)[i]);
  return out;
}

TEST(Texts, EveryByteComesBack) {
  std::vector<std::string> texts = {"",
                                    "Accepted publickey for root from 10.0.0.7 port 5022",
                                    std::string("\x01 the byte of places 7", 22),
                                    std::string("a\0b 12", 6),
                                    "\xff\xfe broken utf-8 9",
                                    "007",
                                    "7",
                                    "00",
                                    "12:04:05,007",
                                    "99999999999999999999",
                                    "no digits at all",
                                    "-5 -6 +7",
                                    "x1x1x1x1"};
  for (int i = 0; i < 50; ++i) {
    texts.push_back("Accepted publickey for root from 10.0.0." + std::to_string(i) + " port " +
                    std::to_string(40000 + i * 7));
    texts.push_back("GET /api/v1/items/" + std::to_string(i % 3) + " 200 0." + std::to_string(i * 31));
    texts.push_back("id 000" + std::to_string(10 + i) + " of 1");
    texts.push_back(std::string(static_cast<std::size_t>(i), '1'));
  }
  std::vector<std::uint64_t> hashes;
  EXPECT_EQ(back(texts, hashes), texts);
}

// Each form of a column, and what is nearly of it.
TEST(Texts, NumbersAddressesDecimalsAndIdsComeBackFromTheirBits) {
  std::mt19937_64 random(3);
  const auto number = [&](std::uint64_t most) { return std::to_string(random() % most); };
  std::vector<std::string> texts;
  for (int i = 0; i < 400; ++i) {
    std::string id;
    while (id.size() < 17) id += "0123456789abcdef"[random() % 16];
    texts.push_back("port " + number(65536) + " of " + number(999'999'999'999'999'999));
    texts.push_back("from 10." + number(256) + "." + number(256) + "." + number(256));
    texts.push_back("took 0." + std::to_string(100 + random() % 900) + " s, load " + number(12) + "." +
                    std::to_string(10 + random() % 90));
    texts.push_back("id=" + id + " " + std::to_string(i) + " and " + (i % 2 == 0 ? "07" : "7"));
    texts.push_back("zeros " + std::to_string(1'000'000 + random() % 1'000'000).substr(1));
    texts.push_back("user" + number(300) + " did " + number(3) + ".0" + number(9));
    texts.push_back("not 1.2.3." + number(999) + " or " + (i == 7 ? "0.5" : "00.5") + " or ABCDEF0" + number(9));
  }
  std::vector<std::uint64_t> hashes;
  EXPECT_EQ(back(texts, hashes), texts);
}

TEST(Texts, RandomTextsComeBack) {
  std::mt19937 random(7);
  const std::string alphabet("ab 01._-\x01\n:=/\xc3", 14);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::string> texts(random() % 40);
    for (std::string& text : texts)
      for (std::size_t n = random() % 30; n > 0; --n) text += alphabet[random() % alphabet.size()];
    std::vector<std::uint64_t> hashes;
    ASSERT_EQ(back(texts, hashes), texts);
  }
}

TEST(Texts, FilterHasEveryWordOfEveryTextButNumbers) {
  std::vector<std::string> texts;
  for (int i = 0; i < 300; ++i)
    texts.push_back("Request r" + std::to_string(i * 7919) + "x-y" + std::to_string(i % 5) + " took 12 ms (" +
                    (i % 40 == 0 ? "rareWord" : "usual") + ")");
  std::vector<std::uint64_t> hashes;
  (void)back(texts, hashes);
  const std::string bytes = WordFilter::build(hashes);
  const WordFilter filter(bytes);
  for (const std::string& text : texts)
    for_words(text,
              [&](std::string_view word) { EXPECT_TRUE(is_number(word) || filter.may_have(word_hash(word))) << word; });
  EXPECT_TRUE(filter.may_have(word_hash("RAREWORD")));
  int wrong = 0;
  for (int i = 0; i < 10'000; ++i) wrong += filter.may_have(word_hash("absent" + std::to_string(i))) ? 1 : 0;
  EXPECT_LT(wrong, 120);
}

TEST(WordFilter, OfAnyNumberOfWords) {
  for (const std::size_t count : {0U, 1U, 2U, 3U, 10U, 100U, 1000U, 30'000U}) {
    std::vector<std::uint64_t> hashes;
    for (std::size_t i = 0; i < count; ++i) hashes.push_back(word_hash("w" + std::to_string(i)));
    hashes.insert(hashes.end(), hashes.begin(), hashes.end());
    const std::string bytes = WordFilter::build(hashes);
    const WordFilter filter(bytes);
    for (std::size_t i = 0; i < count; ++i) ASSERT_TRUE(filter.may_have(word_hash("w" + std::to_string(i))));
    EXPECT_LT(bytes.size() * 8, std::max<std::size_t>(count, 1000) * 12);
  }
  EXPECT_TRUE(WordFilter("").may_have(1));
  EXPECT_TRUE(WordFilter("any bytes that are none").may_have(1));
}

struct Sample {
  std::vector<std::string> messages;
  std::vector<std::vector<logline::Field>> fields;
  std::vector<logline::Line> lines;
};

// Lines of a small server, some with fields.
Sample sample(std::size_t count) {
  Sample out;
  out.messages.reserve(count);
  out.fields.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    out.messages.push_back("session " + std::to_string(i) + " opened for user root by (uid=" + std::to_string(i % 7) +
                           ")");
    if (i % 3 == 0) out.fields[i] = {{"user", "root"}, {"uid", i % 2 == 0 ? "0" : "1000"}, {"user", "again"}};
    logline::Line line;
    line.time = 1'700'000'000'000'000'000 + static_cast<UnixNanos>(i % 10 == 5 ? i - 3 : i) * 1'000'000;
    line.level = static_cast<logline::Level>(i % kLevels);
    line.cut = i % 50 == 1;
    line.unit = i % 4 == 0 ? "sshd" : "cron.service";
    line.pid = i % 4 == 0 ? 0 : static_cast<std::uint32_t>(4'000'000'000U + i);
    line.message = out.messages.back();
    line.fields = out.fields[i];
    out.lines.push_back(line);
  }
  return out;
}

void expect_same(const logline::Line& a, const logline::Line& b) {
  EXPECT_EQ(a.time, b.time);
  EXPECT_EQ(a.level, b.level);
  EXPECT_EQ(a.cut, b.cut);
  EXPECT_EQ(a.unit, b.unit);
  EXPECT_EQ(a.pid, b.pid);
  EXPECT_EQ(a.message, b.message);
  ASSERT_EQ(a.fields.size(), b.fields.size());
  for (std::size_t i = 0; i < a.fields.size(); ++i) {
    EXPECT_EQ(a.fields[i].name, b.fields[i].name);
    EXPECT_EQ(a.fields[i].value, b.fields[i].value);
  }
}

TEST(Block, LinesComeBack) {
  for (const std::size_t count : {1U, 2U, 500U}) {
    const Sample given = sample(count);
    std::string bytes;
    const BlockInfo info = encode_block("web1", "system", given.lines, 3, bytes);
    EXPECT_EQ(info.columns_bytes(), bytes.size());
    std::string header;
    encode_header(info, header);
    std::string_view rest = header;
    const auto read = decode_header(rest);
    ASSERT_TRUE(read && rest.empty());
    EXPECT_EQ(read->host, "web1");
    EXPECT_EQ(read->levels, info.levels);
    BlockLines lines;
    std::string_view columns = bytes;
    for (std::size_t column = 0; column < kColumns; ++column) {
      ASSERT_TRUE(lines.add(*read, static_cast<Column>(column), columns.substr(0, read->column_bytes[column])));
      columns.remove_prefix(read->column_bytes[column]);
    }
    std::vector<logline::Field> fields;
    for (std::size_t i = 0; i < count; ++i) expect_same(lines.line(i, fields), given.lines[i]);
  }
}

TEST(Block, TimesAtTheEndsOfTime) {
  std::vector<logline::Line> lines(3);
  lines[0].time = INT64_MAX;
  lines[1].time = INT64_MIN;
  lines[2].time = 0;
  std::string bytes;
  const BlockInfo info = encode_block("h", "s", lines, 3, bytes);
  BlockLines decoded;
  ASSERT_TRUE(decoded.add(info, kTimes, std::string_view(bytes).substr(0, info.column_bytes[kTimes])));
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(decoded.time(i), lines[i].time);
}

// Each changed byte is noticed by its column's checksum, and bytes behind the checksum harm nobody.
TEST(Block, DamageIsAnError) {
  const Sample given = sample(60);
  std::string bytes;
  const BlockInfo info = encode_block("h", "s", given.lines, 3, bytes);
  std::mt19937 random(3);
  for (int round = 0; round < 3000; ++round) {
    std::string damaged = bytes;
    const std::size_t at = random() % damaged.size();
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << random() % 8));
    BlockLines checked;
    BlockLines unchecked;
    bool noticed = false;
    std::string_view columns = damaged;
    BlockInfo blind = info;
    for (std::size_t column = 0; column < kColumns; ++column) {
      const std::string_view one = columns.substr(0, info.column_bytes[column]);
      noticed |= !checked.add(info, static_cast<Column>(column), one);
      blind.checksums[column] = crc32c(one);
      (void)unchecked.add(blind, static_cast<Column>(column), one);
      columns.remove_prefix(one.size());
    }
    ASSERT_TRUE(noticed);
  }
}

class PartTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "resmon-part-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  std::string directory_;
};

TEST_F(PartTest, WrittenAndOpenedAgain) {
  PartContent content;
  const Sample given = sample(100);
  for (std::uint64_t i = 0; i < 3; ++i) {
    content.blocks.push_back(encode_block("web1", "system", given.lines, 3, content.columns));
    content.blocks.back().through = 10 + i;
  }
  const auto part = Part::write(directory_, 42, 7, 5, content);
  ASSERT_TRUE(part) << part.error().message;
  EXPECT_EQ((*part)->lines(), 300);
  EXPECT_EQ((*part)->through(), 12);
  EXPECT_EQ((*part)->replaces_from(), 5);
  EXPECT_EQ((*part)->verify(), 0);
}

// Whatever byte of a file is damaged: it opens or it does not, blocks are found without the footer, and no damaged
// column passes.
TEST_F(PartTest, DamageIsWalledOff) {
  PartContent content;
  const Sample given = sample(40);
  for (int i = 0; i < 3; ++i) content.blocks.push_back(encode_block("web1", "system", given.lines, 3, content.columns));
  const auto written = Part::write(directory_, 1, 1, 1, content);
  ASSERT_TRUE(written);
  const std::string path = (*written)->path();
  const std::string name = path.substr(path.rfind('/') + 1);
  const std::string whole = *read_file(path);
  std::mt19937 random(5);
  int without_footer = 0;
  for (int round = 0; round < 300; ++round) {
    std::string damaged = whole;
    if (round % 3 == 0) {
      damaged.resize(random() % damaged.size());
    } else {
      const std::size_t at = round % 3 == 1 ? damaged.size() - 1 - random() % 60 : random() % damaged.size();
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << random() % 8));
    }
    ASSERT_TRUE(write_file_atomically(path, damaged));
    const auto part = Part::open(directory_, name);
    if (!part) {
      EXPECT_EQ(part.error().kind, ErrorKind::kDamaged);
      continue;
    }
    without_footer += (*part)->footer_damaged() ? 1 : 0;
    const std::uint64_t bad = (*part)->verify();
    EXPECT_TRUE((*part)->footer_damaged() || bad <= 1);
    if ((*part)->footer_damaged() && round % 3 == 1) {
      EXPECT_EQ((*part)->blocks().size() - bad, 3);
    }
  }
  EXPECT_GT(without_footer, 50);
}

}  // namespace
}  // namespace resmon::logs
