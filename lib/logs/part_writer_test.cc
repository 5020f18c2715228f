#include "logs/part_writer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "logs/part_loader.h"
#include "logs/test_support.h"

namespace resmon::logs {
namespace {

class PartWriterTest : public testing::Test {
 protected:
  // A file of lines that is merged with nothing.
  std::shared_ptr<Part> write(int count, std::size_t bytes = 0) {
    const auto lines = numbered_lines("s", count, parts_.clock.now, next_, bytes);
    next_ += count;
    std::vector<logline::Line> all;
    for (std::size_t i = 0; i < lines->size(); ++i) all.push_back((*lines)[i]);
    const StreamParts before = parts_.contents.parts(key_);
    auto part = parts_.writer.write(key_, before.next_number, parts_.writer.encode(key_, all, ++parts_.position));
    EXPECT_TRUE(part);
    parts_.contents.publish(key_, *part, false);
    return *part;
  }
  TestParts parts_;
  const StreamDay key_ = parts_.key("s", parts_.clock.now);
  int next_ = 0;
};

TEST_F(PartWriterTest, BlocksAreBoundedByLinesAndText) {
  const auto many = write(static_cast<int>(kBlockLines) + 1);
  ASSERT_EQ(many->blocks().size(), 2U);
  EXPECT_EQ(many->blocks()[0].lines, kBlockLines);
  const auto large = write(100, kBlockTextBytes / 10);
  EXPECT_EQ(large->blocks().size(), 10U);
  EXPECT_EQ(large->through(), 2U);
}

TEST_F(PartWriterTest, SixteenOfASimilarSizeBecomeOne) {
  for (int i = 0; i < 15; ++i) write(10);
  ASSERT_TRUE(parts_.writer.join(key_));
  EXPECT_EQ(parts_.contents.parts(key_).parts.size(), 15U);
  write(10);
  ASSERT_TRUE(parts_.writer.join(key_));
  ASSERT_EQ(parts_.contents.parts(key_).parts.size(), 1U);
  EXPECT_EQ(parts_.contents.parts(key_).parts[0]->blocks().size(), 16U);
  EXPECT_EQ(parts_.folder.files(".blocks"), 1U);
  const std::vector<int> numbers = parts_.numbers_in_files("s");
  EXPECT_EQ(numbers.size(), 160U);
  EXPECT_TRUE(std::is_sorted(numbers.begin(), numbers.end()));
}

TEST_F(PartWriterTest, OneOfAnotherSizeIsNotJoined) {
  std::string noise;
  for (int i = 0; i < 15; ++i) write(10);
  std::uint32_t seed = 1;
  const auto large = std::make_shared<logline::Lines>();
  large->clear("s");
  for (int i = 0; i < 300; ++i) {
    noise.clear();
    for (int j = 0; j < 2000; ++j) noise += static_cast<char>('!' + (seed = seed * 1664525 + 1013904223) % 90);
    logline::Line line;
    line.time = parts_.clock.now;
    line.message = noise;
    large->add(line);
  }
  parts_.contents.add("h", large, parts_.clock.now, 100);
  ASSERT_TRUE(parts_.sealer.seal(key_));
  const StreamParts before = parts_.contents.parts(key_);
  ASSERT_GT(before.parts.back()->bytes(), 256U << 10U);
  ASSERT_TRUE(parts_.writer.join(key_));
  EXPECT_EQ(parts_.contents.parts(key_).parts.size(), before.parts.size());
}

TEST_F(PartWriterTest, AnotherStreamsFileOfTheSameNameStays) {
  const auto first = write(1);
  ASSERT_TRUE(parts_.contents.remove(key_, first, (key_.day + 3) * kDayNanos));
  const auto second = write(1);  // the first is held, so its file is there
  EXPECT_EQ(second->number(), first->number() + 1);
}

TEST_F(PartWriterTest, AStartFindsTheFilesInOrder) {
  write(3);
  write(2);
  const std::string directory = parts_.folder.path() + "/" + day_name(key_.day);
  std::ofstream(directory + "/left.tmp") << "unfinished";
  std::ofstream(directory + "/0123456789abcdef-00000009.blocks") << "no blocks";
  std::filesystem::create_directory(parts_.folder.path() + "/no-day");
  Contents contents;
  const auto damaged = load_parts(parts_.folder.path(), [&](const StreamDay& key, std::shared_ptr<Part> part) {
    EXPECT_EQ(key, key_);
    contents.publish(key, std::move(part), false);
  });
  ASSERT_TRUE(damaged);
  EXPECT_EQ(*damaged, 1U);
  const StreamParts found = contents.parts(key_);
  ASSERT_EQ(found.parts.size(), 2U);
  EXPECT_EQ(found.parts[0]->lines(), 3U);
  EXPECT_EQ(found.next_number, parts_.contents.parts(key_).next_number);
  EXPECT_EQ(parts_.folder.files(".tmp"), 0U);
  EXPECT_EQ(parts_.folder.files(".blocks"), 3U) << "a file that cannot be read is left";
}

}  // namespace
}  // namespace resmon::logs
