#include "metric/batch.h"

#include <gtest/gtest.h>

namespace resmon::metric {
namespace {

TEST(BatchTest, RowsKeepTheirCellsAndPresence) {
  Batch batch;
  RowWriter wide = batch.add(7, 70, 1000);
  wide.set(0, 1.5);
  wide.set(69, std::int64_t{-3});
  RowWriter text = batch.add(8, 2, 2000);
  text.set(1, std::string_view("up 3 days"));

  ASSERT_EQ(batch.rows().size(), 2U);
  const Row& a = batch.rows()[0];
  EXPECT_EQ(as_float(batch.value(a, 0)), 1.5);
  EXPECT_EQ(as_integer(batch.value(a, 69)), -3);
  EXPECT_TRUE(batch.has(a, 69));
  EXPECT_FALSE(batch.has(a, 1));
  const Row& b = batch.rows()[1];
  EXPECT_FALSE(batch.has(b, 0));
  EXPECT_EQ(batch.string(b, 1), "up 3 days");
  EXPECT_EQ(batch.samples(), 3U);
}

TEST(BatchTest, RowsBehindAMarkCanBeTakenBack) {
  Batch batch;
  batch.add(1, 1, 10).set(0, std::string_view("kept"));
  const Batch::Mark mark = batch.mark();
  batch.add(2, 70, 20).set(69, 1.0);
  batch.add(3, 1, 30).set(0, std::string_view("gone"));
  batch.rewind(mark);
  ASSERT_EQ(batch.rows().size(), 1U);
  EXPECT_EQ(batch.samples(), 1U);
  EXPECT_EQ(batch.text(), "kept");
  batch.add(4, 1, 40).set(0, std::string_view("new"));
  EXPECT_EQ(batch.string(batch.rows()[0], 0), "kept");
  EXPECT_EQ(batch.string(batch.rows()[1], 0), "new");
}

TEST(BatchTest, RowsAreEditedInPlace) {
  Batch batch;
  for (SchemaId id = 0; id < 4; ++id) batch.add(id, 2, id).set(id % 2, static_cast<double>(id));
  batch.edit_rows(1, [](Row& row) {
    row.schema += 10;
    return row.time != 2;
  });
  ASSERT_EQ(batch.rows().size(), 3U);
  EXPECT_EQ(batch.samples(), 3U);
  EXPECT_EQ(batch.rows()[0].schema, 0U);
  EXPECT_EQ(batch.rows()[2].schema, 13U);
  EXPECT_EQ(as_float(batch.value(batch.rows()[2], 1)), 3.0);

  const std::vector<Row> rows = batch.take_rows({});
  EXPECT_TRUE(batch.empty());
  batch.put_back(rows[2]);
  batch.uncount(rows[0]);
  batch.uncount(rows[1]);
  batch.add(20, 1, 5).set(0, 7.0);
  EXPECT_EQ(batch.samples(), 2U);
  EXPECT_EQ(as_float(batch.value(batch.rows()[0], 1)), 3.0);
  EXPECT_EQ(as_float(batch.value(batch.rows()[1], 0)), 7.0);
}

TEST(BatchTest, SettingAFieldTwiceCountsOnce) {
  Batch batch;
  RowWriter row = batch.add(0, 1, 0);
  row.set(0, std::uint64_t{1});
  row.set(0, std::uint64_t{2});
  EXPECT_EQ(batch.samples(), 1U);
  EXPECT_EQ(batch.value(batch.rows()[0], 0), 2U);
}

TEST(BatchTest, ClearedBatchHoldsNothingOfBefore) {
  Batch batch;
  batch.add(0, 3, 0).set(1, true);
  batch.clear();
  batch.add(0, 3, 0);
  EXPECT_FALSE(batch.has(batch.rows()[0], 1));
  EXPECT_EQ(batch.value(batch.rows()[0], 1), 0U);
  EXPECT_EQ(batch.samples(), 0U);
}

}  // namespace
}  // namespace resmon::metric
