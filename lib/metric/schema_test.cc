#include "metric/schema.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "metric/batch.h"

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

TEST(SchemaTest, MeasurementsOfOneMachineShareTheirTags) {
  SchemaTable schemas;
  const auto of = [&](const std::string& measurement, const std::string& host) {
    return schemas.intern({measurement, {{"host", host}}, {{"value", FieldType::kFloat}}}).value();
  };
  const SchemaId cpu = of("cpu", "a"), memory = of("mem", "a"), other = of("cpu", "b");
  EXPECT_TRUE(schemas[cpu].tags.same_as(schemas[memory].tags));
  EXPECT_FALSE(schemas[cpu].tags.same_as(schemas[other].tags));
  EXPECT_EQ(schemas[other].tags[0].value, "b");
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

TEST(SchemaTest, WhatNobodyUsesIsForgotten) {
  SchemaTable table(2);
  const SchemaId old = table.intern({"old", {}, {{"a", FieldType::kFloat}}}).value();
  const std::uint32_t generation = table.generation(old);
  const SchemaId kept = table.intern({"kept", {}, {}}).value();
  for (int i = 0; i < 3; ++i) {
    const SchemaPin pin = table.pin();
    EXPECT_TRUE(table.touch(kept, table.generation(kept)));
    EXPECT_EQ(table.refused(), 0U);
    table.sweep(2);
  }
  EXPECT_EQ(table.size(), 1U);
  EXPECT_EQ(table.retired(), 1U);
  const SchemaPin pin = table.pin();
  EXPECT_FALSE(table.touch(old, generation));
  EXPECT_TRUE(table.touch(kept, table.generation(kept)));
  const SchemaId fresh = table.intern({"fresh", {}, {}}).value();
  EXPECT_EQ(fresh, old);  // the id is used again
  EXPECT_NE(table.generation(fresh), generation);
  EXPECT_FALSE(table.touch(old, generation));
  EXPECT_EQ(table[fresh].measurement, "fresh");
  EXPECT_EQ(table.intern({"one too many", {}, {}}).error().kind, ErrorKind::kLimit);
  EXPECT_EQ(table.refused(), 1U);
  // What was acknowledged is not refused.
  EXPECT_TRUE(table.intern({"one too many", {}, {}}, SchemaTable::Room::kBeyondLimit));
}

TEST(SchemaTest, WhatIsPinnedStays) {
  SchemaTable table;
  Batch batch;
  batch.pin(table);
  const SchemaId id = table.intern({"m", {}, {}}).value();
  batch.add(id, 0, 1);
  for (int i = 0; i < 200; ++i) table.sweep(1);
  EXPECT_EQ(table[id].measurement, "m");
  Batch copy = batch;
  batch.clear();
  for (int i = 0; i < 200; ++i) table.sweep(1);
  EXPECT_EQ(table[id].measurement, "m");
  copy.clear();
  for (int i = 0; i < 200; ++i) table.sweep(1);
  EXPECT_EQ(table.size(), 0U);
}

TEST(SchemaTest, ABatchThatWaitsLetsOthersGo) {
  SchemaTable table;
  Batch waiting;
  waiting.pin(table);
  const SchemaId id = table.intern({"waits", {}, {}}).value();
  waiting.add(id, 0, 1);
  ASSERT_TRUE(table.intern({"other", {}, {}}));
  for (int i = 0; i < 200; ++i) {
    waiting.renew_pin();
    table.sweep(1);
  }
  EXPECT_EQ(table.size(), 1U);
  EXPECT_EQ(table[id].measurement, "waits");
}

TEST(SchemaTest, TheTableServesManyMoreSchemasThanItHolds) {
  constexpr std::size_t kLimit = 2000;
  SchemaTable table(kLimit);
  const Schema steady{"steady", {{"host", "h"}}, {{"v", FieldType::kFloat}}};
  const SchemaId id = table.intern(steady).value();
  const std::uint32_t generation = table.generation(id);
  for (std::size_t i = 0; i < 100'000; ++i) {
    if (i % 400 == 0) {
      const SchemaPin pin = table.pin();
      ASSERT_TRUE(table.touch(id, generation));
    }
    const SchemaPin pin = table.pin();
    // Each with a list of fields of its own: those go, too.
    const auto made = table.intern(
        {"m" + std::to_string(i % 7), {{"pod", std::to_string(i)}}, {{"f" + std::to_string(i), FieldType::kInteger}}});
    ASSERT_TRUE(made.has_value()) << i;
    ASSERT_EQ(table[*made].tags[0].value, std::to_string(i));
    if (i % 400 == 0) table.sweep(3);
  }
  EXPECT_LE(table.size(), kLimit);
  EXPECT_LE(table.id_bound(), kLimit);
  EXPECT_LE(table.field_lists(), 3 * kLimit);
  EXPECT_EQ(table.refused(), 0U);
  EXPECT_EQ(table[id], steady);
}

// For the thread sanitizer: schemas are read while others are made and retired.
TEST(SchemaTest, ReadersAndSweepsShareTheTable) {
  constexpr std::size_t kSchemas = 400;
  constexpr unsigned kRounds = 30'000;
  SchemaTable table(kSchemas);
  std::atomic<bool> done{false};
  std::thread sweeper([&] {
    while (!done) {
      table.sweep(1);
      std::this_thread::yield();
    }
  });
  const auto reader = [&](unsigned first) {
    struct Known {
      SchemaId id = 0;
      std::uint32_t generation = 0;
    };
    std::vector<Known> known(kSchemas);
    for (unsigned round = 0; round < kRounds || table.retired() < kSchemas / 8; ++round) {
      if (round % 20 == 0) std::this_thread::yield();  // without a pin, which would hold up the sweeps
      // Some for a while, then others, so that the former are no longer used.
      const std::size_t number = (first + round / 1000 * 50 + round % 50) % kSchemas;
      const SchemaPin pin = table.pin();
      Known& one = known[number];
      if (one.generation == 0 || !table.touch(one.id, one.generation)) {
        const auto made = table.intern({"m" + std::to_string(number), {{"k", "a value that is not short"}}, {}});
        if (!made) continue;  // full until the next sweep
        one = {*made, table.generation(*made)};
      }
      ASSERT_EQ(table[one.id].measurement, "m" + std::to_string(number));
    }
  };
  std::vector<std::thread> readers;
  for (unsigned i = 0; i < 3; ++i) readers.emplace_back(reader, i * 31);
  for (std::thread& thread : readers) thread.join();
  done = true;
  sweeper.join();
  EXPECT_LE(table.id_bound(), kSchemas);
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
