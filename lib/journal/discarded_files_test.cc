#include "journal/discarded_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "journal/sizes.h"

namespace resmon::journal {
namespace {

TEST(JournalDiscardedFiles, GoOnceTheirCursorsAreDurable) {
  DiscardedFiles files;
  files.doom("now", 4096);
  files.doom("later", 8192, 3);
  EXPECT_EQ(files.doomed_bytes(), 12288U);
  ASSERT_EQ(files.removable(2, false).size(), 1U);
  EXPECT_EQ(files.removable(2, false)[0].name, "now");
  EXPECT_EQ(files.removable(3, false).size(), 2U);
  EXPECT_EQ(files.removable(0, true).size(), 2U);
  files.removed({"later", "another"});
  EXPECT_EQ(files.doomed_bytes(), 4096U);
  EXPECT_TRUE(files.any_doomed());
  files.removed({"now"});
  EXPECT_FALSE(files.any_doomed());
}

TEST(JournalDiscardedFiles, ThoseSetAsideAreKeptUntilTheirSpaceIsNeeded) {
  DiscardedFiles files;
  files.set_aside("a", 1);
  files.set_aside("b", 4097);
  EXPECT_EQ(files.aside_bytes(), allotment(1) + allotment(4097));
  EXPECT_FALSE(files.any_doomed());
  EXPECT_TRUE(files.doom_one_aside());
  EXPECT_THAT(files.aside(), ::testing::ElementsAre(::testing::Pair("b", 4097U)));
  EXPECT_EQ(files.doomed_bytes(), allotment(1));
  EXPECT_EQ(files.removable(0, false).size(), 1U);  // it waits for no cursor
  EXPECT_TRUE(files.doom_one_aside());
  EXPECT_FALSE(files.doom_one_aside());
}

}  // namespace
}  // namespace resmon::journal
