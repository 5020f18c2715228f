#include "metric/schema.h"

#include <gtest/gtest.h>

namespace resmon::metric {
namespace {

TEST(SchemaTest, EqualSchemasShareAnId) {
  SchemaTable table;
  const Schema a{"cpu", {{"cpu", "cpu0"}}, {{"usage_user", FieldType::kFloat}}};
  Schema b = a;
  b.fields = {{"usage_user", FieldType::kInteger}};
  const SchemaId id = table.intern(a).value();
  EXPECT_EQ(table.intern(a).value(), id);
  EXPECT_NE(table.intern(b).value(), id);
  EXPECT_EQ(table[id], a);
  EXPECT_EQ(table.size(), 2U);
}

TEST(SchemaTest, EqualListsOfFieldsAreKeptOnce) {
  SchemaTable table;
  const auto of_host = [&](const std::string& host) -> const Schema& {
    return table[table.intern({"cpu", {{"host", host}}, {{"usage_user", FieldType::kFloat}}}).value()];
  };
  EXPECT_TRUE(of_host("a").fields.same_as(of_host("b").fields));
}

TEST(SchemaTest, SchemasStayWhereTheyAreWhileOthersAreAdded) {
  SchemaTable table;
  std::vector<const Schema*> places;
  constexpr std::size_t kMany = 1000;
  for (std::size_t i = 0; i < kMany; ++i) {
    const SchemaId id = table.intern({"m" + std::to_string(i), {}, {}}).value();
    ASSERT_EQ(id, i);
    places.push_back(&table[id]);
  }
  for (std::size_t i = 0; i < kMany; ++i) {
    EXPECT_EQ(&table[static_cast<SchemaId>(i)], places[i]);
    EXPECT_EQ(places[i]->measurement, "m" + std::to_string(i));
  }
}

TEST(SharedListTest, WhoAddsGetsElementsOfItsOwn) {
  SharedList<int> a{1, 2};
  SharedList<int> b = a;
  EXPECT_TRUE(a.same_as(b));
  b.push_back(3);
  EXPECT_EQ(a.items(), (std::vector<int>{1, 2}));
  EXPECT_EQ(b.items(), (std::vector<int>{1, 2, 3}));
  EXPECT_NE(a, b);
  EXPECT_TRUE(SharedList<int>().empty());
  EXPECT_EQ(SharedList<int>(), SharedList<int>(std::vector<int>()));
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
