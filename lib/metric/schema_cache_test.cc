#include "metric/schema_cache.h"

#include <gtest/gtest.h>

#include <string>

namespace resmon::metric {
namespace {

class SchemaCacheTest : public ::testing::Test {
 protected:
  SchemaId schema(const std::string& name) { return schemas_.intern({name, {}, {{"f", FieldType::kFloat}}}).value(); }
  const std::string& name_of(SchemaCache<std::string>& cache, SchemaId id, std::size_t takes = 0) {
    return cache.of(id, [&](const Schema& schema, std::size_t& bytes) {
      ++made_;
      bytes += takes;
      return std::make_unique<std::string>(schema.measurement);
    });
  }

  SchemaTable schemas_;
  int made_ = 0;
};

TEST_F(SchemaCacheTest, EachIsMadeOnce) {
  SchemaCache<std::string> cache(schemas_, 1U << 20U);
  const SchemaId a = schema("a");
  const SchemaId b = schema("b");
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(name_of(cache, b), "b");
    EXPECT_EQ(name_of(cache, a), "a");
  }
  EXPECT_EQ(made_, 2);
}

TEST_F(SchemaCacheTest, BeyondItsBoundItBeginsAgain) {
  SchemaCache<std::string> cache(schemas_, 2 * (sizeof(std::string) + 100));
  const SchemaId a = schema("a");
  const SchemaId b = schema("b");
  const SchemaId c = schema("c");
  (void)name_of(cache, a, 100);
  (void)name_of(cache, b, 100);
  (void)name_of(cache, a, 100);
  EXPECT_EQ(made_, 2) << "two fit";
  EXPECT_EQ(name_of(cache, c, 100), "c");
  EXPECT_EQ(made_, 3);
  EXPECT_EQ(name_of(cache, c, 100), "c");
  EXPECT_EQ(made_, 3);
  EXPECT_EQ(name_of(cache, a, 100), "a");
  EXPECT_EQ(made_, 4);
  EXPECT_EQ(name_of(cache, c, 100), "c");
  EXPECT_EQ(made_, 4) << "it counts from there on";
}

TEST_F(SchemaCacheTest, AnIdThatIsUsedAgainIsMadeAgainAndCountedOnce) {
  SchemaTable table(1);
  SchemaCache<std::string> cache(table, 3 * (sizeof(std::string) + 100));
  for (int i = 0; i < 5; ++i) {
    const std::string name = "m" + std::to_string(i);
    const SchemaId id = table.intern({name, {}, {}}).value();
    EXPECT_EQ(id, 0U);
    EXPECT_EQ(name_of(cache, id, 100), name);
    EXPECT_EQ(name_of(cache, id, 100), name);
    for (int epoch = 0; epoch < 4; ++epoch) table.sweep(2);
  }
  EXPECT_EQ(made_, 5);
}

TEST_F(SchemaCacheTest, OneThatIsLargerThanTheBoundIsUsedAllTheSame) {
  SchemaCache<std::string> cache(schemas_, 10);
  EXPECT_EQ(name_of(cache, schema("a"), 1000), "a");
  EXPECT_EQ(name_of(cache, schema("b"), 1000), "b");
}

}  // namespace
}  // namespace resmon::metric
