#include "tail/file_mark.h"

#include <gtest/gtest.h>

#include <string>

namespace resmon::tail {
namespace {

TEST(FileMark, ComesBackAndDamageIsAnError) {
  FileMark mark;
  mark.path = "/var/log/x";
  mark.device = 7;
  mark.inode = 1ULL << 40U;
  mark.handle = 99;
  mark.log = 3;
  mark.order = 5;
  mark.copy = true;
  std::string tail;
  advance(mark, tail, std::string(300, 'a'));
  advance(mark, tail, "b\n");
  const auto back = decode_file_mark(encode(mark));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->offset, 302U);
  EXPECT_EQ(back->tail_hash, mark.tail_hash);
  EXPECT_TRUE(back->copy);
  EXPECT_EQ(back->log, 3U);
  EXPECT_EQ(back->order, 5U);
  EXPECT_EQ(tail.size(), kMarkBytes);
  for (std::size_t n = 0; n < encode(mark).size(); ++n) EXPECT_FALSE(decode_file_mark(encode(mark).substr(0, n)));
}

}  // namespace
}  // namespace resmon::tail
