#include "field_types.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace resmon::server {
namespace {

using metric::FieldType;

// A store that has the measurement m, with a float v, from the n-th time on that it is asked.
class LearningStore : public store::Reader {
 public:
  explicit LearningStore(int knows_from) : knows_from_(knows_from) {}

  std::vector<std::string> measurements() const override { return {}; }
  std::shared_ptr<const store::Listing> listing(std::string_view) const override { return nullptr; }
  std::vector<store::Column> columns(std::string_view measurement) const override {
    if (measurement != "m" || ++asked_ <= knows_from_) return {};
    store::Column column;
    column.name = "v";
    column.type = FieldType::kFloat;
    return {column};
  }
  Status scan(store::GroupId, std::span<const store::ColumnId>, store::TimeRange, bool,
              const store::BlockVisitor&) const override {
    return {};
  }

 private:
  const int knows_from_;
  mutable int asked_ = 0;
};

class FieldTypesTest : public ::testing::Test {
 protected:
  template <class T>
  metric::Batch batch(FieldType type, const T& value) {
    metric::Batch out;
    out.add(*schemas_.intern({"m", {}, {{"v", type}}}), 1, 1).set(0, value);
    return out;
  }
  metric::Batch number() { return batch(FieldType::kFloat, 1.0); }
  metric::Batch text() { return batch(FieldType::kString, std::string_view("x")); }
  static std::string conflict(FieldTypes& types, const metric::Batch& rows) { return types.find(rows, rows).first; }

  metric::SchemaTable schemas_;
  const std::string told_ =
      "field type conflict: input field \"v\" on measurement \"m\" is type string, already exists as type float";
};

// Whenever the store learns of an acknowledged field, before, between or after the questions, another type conflicts.
TEST_F(FieldTypesTest, AFieldOnItsWayIntoTheStoreIsKnownAtEveryMoment) {
  for (int moment = 0; moment <= 6; ++moment) {
    const LearningStore store(moment);
    FieldTypes types(schemas_, store);
    EXPECT_EQ(conflict(types, number()), "") << moment;
    EXPECT_EQ(conflict(types, text()), told_) << moment;
  }
}

TEST_F(FieldTypesTest, WhatIsNotTakenIsNoFieldOnItsWay) {
  const LearningStore never(1000);
  FieldTypes types(schemas_, never);
  EXPECT_EQ(types.find(number(), metric::Batch()).first, "");
  EXPECT_EQ(conflict(types, text()), "");
  EXPECT_EQ(conflict(types, number()),
            "field type conflict: input field \"v\" on measurement \"m\" is type float, already exists as type string");
  types.forget();
  EXPECT_EQ(conflict(types, number()), "");
}

}  // namespace
}  // namespace resmon::server
