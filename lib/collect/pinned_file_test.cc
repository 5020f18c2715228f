#include "collect/fixture_test.h"

namespace resmon::collect {
namespace {

using testing::Machine;

TEST(PinnedFile, ReadsAgainWhatChanged) {
  Machine machine;
  machine.write("f", "one");
  ReadBuffer buffer;
  PinnedFile file(machine.path("f"), PinnedFile::Records::kOne);
  EXPECT_EQ(*file.read(buffer), "one");
  machine.write("f", "three");
  EXPECT_EQ(*file.read(buffer), "three");
  machine.write("f", "");
  EXPECT_EQ(*file.read(buffer), "");
}

TEST(PinnedFile, GrowsTheBufferUpToTheLimit) {
  Machine machine;
  const std::string large(100'000, 'x');
  machine.write("f", large);
  for (const auto records : {PinnedFile::Records::kOne, PinnedFile::Records::kShort, PinnedFile::Records::kLine,
                             PinnedFile::Records::kUnknown}) {
    ReadBuffer buffer;
    PinnedFile file(machine.path("f"), records, 100'000);
    const auto text = file.read(buffer);
    ASSERT_TRUE(text);
    EXPECT_EQ(*text, large);
    PinnedFile limited(machine.path("f"), records, 99'999);
    const auto refused = limited.read(buffer);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::kLimit);
    EXPECT_EQ(refused.error().message, machine.path("f") + ": larger than 99999 bytes");
  }
}

TEST(PinnedFile, OpensWhatAppearsLater) {
  Machine machine;
  ReadBuffer buffer;
  PinnedFile file(machine.path("f"), PinnedFile::Records::kOne);
  EXPECT_TRUE(file.missing());
  const auto text = file.read(buffer);
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().kind, ErrorKind::kNotFound);
  machine.write("f", "there");
  EXPECT_FALSE(file.missing());
  EXPECT_EQ(*file.read(buffer), "there");
}

TEST(PinnedFile, ReadsAllOfRealFilesOfManyRecords) {
  // Files that a seq_file hands out in several pieces, against a plain read until the end.
  for (const char* path : {"/proc/vmstat", "/proc/diskstats", "/proc/net/dev", "/proc/interrupts", "/proc/kallsyms"}) {
    const auto whole = read_file(path, 64U << 20U);
    if (!whole) continue;
    ReadBuffer buffer;
    PinnedFile file(path, PinnedFile::Records::kShort, 64U << 20U);
    for (int i = 0; i < 2; ++i) {
      const auto text = file.read(buffer);
      ASSERT_TRUE(text) << path;
      EXPECT_EQ(std::count(text->begin(), text->end(), '\n'), std::count(whole->begin(), whole->end(), '\n')) << path;
    }
  }
}

}  // namespace
}  // namespace resmon::collect
