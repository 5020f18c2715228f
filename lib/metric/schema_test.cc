#include "metric/schema.h"

#include <gtest/gtest.h>

namespace resmon::metric {
namespace {

TEST(SchemaTest, EqualSchemasShareAnId) {
  SchemaTable table;
  const Schema a{"cpu", {{"cpu", "cpu0"}}, {{"usage_user", FieldType::kFloat}}};
  Schema b = a;
  b.fields[0].type = FieldType::kInteger;
  const SchemaId id = table.intern(a).value();
  EXPECT_EQ(table.intern(a).value(), id);
  EXPECT_NE(table.intern(b).value(), id);
  EXPECT_EQ(table[id], a);
  EXPECT_EQ(table.size(), 2U);
}

TEST(SchemaTest, AFullTableRefuses) {
  SchemaTable table(1);
  ASSERT_TRUE(table.intern({"a", {}, {}}).has_value());
  EXPECT_TRUE(table.intern({"a", {}, {}}).has_value());
  EXPECT_EQ(table.intern({"b", {}, {}}).error().kind, ErrorKind::kLimit);
}

TEST(SchemaTest, TagsAreSortedUniqueAndNotEmpty) {
  std::vector<Tag> tags{{"z", "1"}, {"a", "old"}, {"", "x"}, {"b", ""}, {"a", "new"}};
  normalise_tags(tags);
  EXPECT_EQ(tags, (std::vector<Tag>{{"a", "new"}, {"z", "1"}}));
}

TEST(SchemaTest, GroupKeyEscapes) {
  EXPECT_EQ(group_key("my disk", {{"path", "/a b,c=d"}}), "my\\ disk,path=/a\\ b\\,c\\=d");
}

}  // namespace
}  // namespace resmon::metric
