#include "store/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>

#include <atomic>
#include <cmath>
#include <limits>
#include <thread>

#include "store/check.h"
#include "store/store_test_support.h"

namespace resmon::store {
namespace {

using metric::FieldType;
using ::testing::HasSubstr;

class StoreTest : public ::testing::Test {
 protected:
  StoreTest() : options_(options_in(directory_)) {}

  std::unique_ptr<Store> open() {
    Result<std::unique_ptr<Store>> store = Store::open(options_, schemas_);
    EXPECT_TRUE(store) << store.error().message;
    return store ? std::move(*store) : nullptr;
  }
  metric::SchemaId schema(const std::string& measurement, const std::string& host, std::vector<metric::Field> fields) {
    return schemas_.intern({measurement, {{"host", host}}, std::move(fields)}).value();
  }
  // `count` rows of one float, one a second.
  static metric::Batch ticks(metric::SchemaId id, UnixNanos first, std::size_t count) {
    metric::Batch batch;
    for (std::size_t i = 0; i < count; ++i)
      batch.add(id, 1, first + static_cast<UnixNanos>(i) * kSecond).set(0, std::sqrt(static_cast<double>(i)));
    return batch;
  }
  static std::size_t rows(const Reader& store, const std::string& measurement, std::size_t group = 0) {
    std::string problem;
    const std::size_t count = scan_all(store, measurement, store.groups(measurement).at(group)->id, problem).size();
    EXPECT_EQ(problem, "");
    return count;
  }
  void execute(const std::string& sql) const {
    sqlite3* handle = nullptr;
    ASSERT_EQ(sqlite3_open((options_.directory + "/resmon.db").c_str(), &handle), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(handle, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(handle);
    sqlite3_close(handle);
  }

  ScratchDirectory directory_;
  Options options_;
  metric::SchemaTable schemas_;
};

TEST_F(StoreTest, TheCatalogIsWhatWasWrittenAndStays) {
  const metric::SchemaId b = schema("cpu", "b", {{"user", FieldType::kFloat}, {"idle", FieldType::kFloat}});
  const metric::SchemaId a = schema("cpu", "a", {{"user", FieldType::kFloat}});
  const metric::SchemaId mem = schema("mem", "a", {{"total", FieldType::kInteger}});
  metric::Batch batch;
  batch.add(b, 2, kStart).set(0, 1.5);
  batch.add(a, 1, kStart).set(0, 2.5);
  batch.add(mem, 1, kStart).set(0, std::int64_t{1});
  for (const bool again : {false, true}) {
    const auto store = open();
    if (!again) {
      ASSERT_TRUE(store->write(batch).has_value());
    }
    EXPECT_EQ(store->measurements(), (std::vector<std::string>{"cpu", "mem"}));
    const auto groups = store->groups("cpu");
    ASSERT_EQ(groups.size(), 2U);
    EXPECT_EQ(groups[0]->tags, (std::vector<metric::Tag>{{"host", "a"}}));
    EXPECT_EQ(groups[1]->tags, (std::vector<metric::Tag>{{"host", "b"}}));
    const auto columns = store->columns("cpu");
    ASSERT_EQ(columns.size(), 2U);
    EXPECT_EQ(columns[0].name, "idle");
    EXPECT_EQ(columns[1].name, "user");
    EXPECT_TRUE(store->groups("none").empty());
    EXPECT_TRUE(store->columns("none").empty());
    EXPECT_EQ(store->scan(99, std::vector<ColumnId>{0}, {}, false, [](const Block&) { return Status(); }).error().kind,
              ErrorKind::kNotFound);
    ASSERT_TRUE(store->close().has_value());
  }
}

TEST_F(StoreTest, ATypeConflictRefusesThoseSamplesOnly) {
  const metric::SchemaId as_integer = schema("m", "a", {{"x", FieldType::kInteger}, {"y", FieldType::kFloat}});
  const metric::SchemaId as_float = schema("m", "b", {{"x", FieldType::kFloat}, {"y", FieldType::kFloat}});
  metric::Batch batch;
  metric::RowWriter first = batch.add(as_integer, 2, kStart);
  first.set(0, std::int64_t{1});
  first.set(1, 1.0);
  metric::RowWriter second = batch.add(as_float, 2, kStart);
  second.set(0, 1.5);
  second.set(1, 2.0);
  const auto store = open();
  const WriteReport report = store->write(batch).value();
  EXPECT_EQ(report.stored_samples, 3U);
  EXPECT_EQ(report.refused_samples, 1U);
  EXPECT_EQ(report.first_refusal, "m x: float into integer, which does not hold the value exactly");
  EXPECT_EQ(store->stats().refused_samples, 1U);
  std::string problem;
  EXPECT_EQ(scan_all(*store, "m", store->groups("m")[1]->id, problem),
            (Shown{{kStart, {{"y", text_of(FieldType::kFloat, metric::cell_of(2.0), {})}}}}));
}

// A Telegraf with unsigned integers that comes first does not decide for all others.
TEST_F(StoreTest, DocumentedFieldsHaveTheirTypesWhoeverComesFirst) {
  const metric::SchemaId telegraf =
      schema("mem", "t",
             {{"total", FieldType::kUnsigned}, {"used_percent", FieldType::kInteger}, {"own", FieldType::kUnsigned}});
  const metric::SchemaId client = schema(
      "mem", "c", {{"total", FieldType::kInteger}, {"used_percent", FieldType::kFloat}, {"own", FieldType::kInteger}});
  const metric::SchemaId text = schema("mem", "x", {{"total", FieldType::kString}, {"free", FieldType::kString}});
  const auto store = open();
  metric::Batch batch;
  metric::RowWriter strings = batch.add(text, 2, kStart);
  strings.set(0, std::string_view("much"));
  strings.set(1, std::string_view("much"));
  metric::RowWriter first = batch.add(telegraf, 3, kStart);
  first.set(0, std::uint64_t{8});
  first.set(1, std::int64_t{50});
  first.set(2, std::uint64_t{7});
  metric::RowWriter second = batch.add(client, 3, kStart);
  second.set(0, std::int64_t{16});
  second.set(1, 12.5);
  second.set(2, std::int64_t{-1});  // the first writer made it unsigned: this is refused
  batch.add(telegraf, 3, kStart + 1).set(0, std::numeric_limits<std::uint64_t>::max());
  const WriteReport report = store->write(batch).value();
  EXPECT_EQ(report.stored_samples, 5U);
  EXPECT_EQ(report.refused_samples, 4U);
  EXPECT_EQ(report.first_refusal, "mem total: string into integer");
  std::map<std::string, FieldType> types;
  for (const Column& column : store->columns("mem")) types[column.name] = column.type;
  EXPECT_EQ(types,
            (std::map<std::string, FieldType>{
                {"own", FieldType::kUnsigned}, {"total", FieldType::kInteger}, {"used_percent", FieldType::kFloat}}));
  std::string problem;
  for (const auto& group : store->groups("mem")) {
    if (group->tags[0].value == "t") {
      EXPECT_EQ(scan_all(*store, "mem", group->id, problem),
                (Shown{{kStart,
                        {{"own", text_of(FieldType::kUnsigned, metric::cell_of(std::uint64_t{7}), {})},
                         {"total", text_of(FieldType::kInteger, metric::cell_of(std::int64_t{8}), {})},
                         {"used_percent", text_of(FieldType::kFloat, metric::cell_of(50.0), {})}}}}));
    }
  }
  EXPECT_EQ(problem, "");
}

TEST_F(StoreTest, AnIdThatIsUsedAgainGoesWhereItsNewSchemaSays) {
  const auto store = open();
  for (const char* host : {"a", "b"}) {
    metric::Batch batch;
    batch.pin(schemas_);
    const metric::SchemaId id = schema("m", host, {{"x", FieldType::kFloat}});
    EXPECT_EQ(id, 0U);
    batch.add(id, 1, kStart).set(0, 1.0);
    ASSERT_TRUE(store->write(batch).has_value());
    batch.clear();
    for (int i = 0; i < 3; ++i) schemas_.sweep(1);
  }
  ASSERT_EQ(store->groups("m").size(), 2U);
}

TEST_F(StoreTest, WhatCannotBeStoredIsRefusedAndSaid) {
  options_.max_groups = 2;
  options_.max_columns_per_measurement = 2;
  options_.retain = std::chrono::hours(1);
  const auto store = open();
  ASSERT_TRUE(store->maintain(kStart).has_value());
  const metric::SchemaId f = schema("m", "a", {{"f", FieldType::kFloat}, {"s", FieldType::kString}});
  const auto refusal = [&](metric::SchemaId id, std::size_t fields, UnixNanos time, auto set) {
    metric::Batch batch;
    metric::RowWriter row = batch.add(id, fields, time);
    set(row);
    const WriteReport report = store->write(batch).value();
    EXPECT_EQ(report.refused_samples, 1U);
    EXPECT_EQ(report.stored_samples, 0U);
    return report.first_refusal;
  };
  EXPECT_THAT(refusal(f, 2, kStart, [](auto& row) { row.set(0, std::nan("")); }), HasSubstr("not a finite"));
  EXPECT_THAT(refusal(f, 2, kStart, [](auto& row) { row.set(0, -std::numeric_limits<double>::infinity()); }),
              HasSubstr("not a finite"));
  const std::string large(kMaxStringBytes + 1, 'x');
  EXPECT_THAT(refusal(f, 2, kStart, [&](auto& row) { row.set(1, std::string_view(large)); }), HasSubstr("1 MiB"));
  EXPECT_THAT(refusal(f, 2, kStart - 3601 * kSecond, [](auto& row) { row.set(0, 1.0); }), HasSubstr("retention"));
  EXPECT_THAT(refusal(1234, 1, kStart, [](auto& row) { row.set(0, 1.0); }), HasSubstr("unknown schema"));
  EXPECT_THAT(refusal(schema("m", "a", {{"g", FieldType::kFloat}}), 1, kStart, [](auto& row) { row.set(0, 1.0); }),
              HasSubstr("more than 2 fields"));
  refusal(schema("m", "b", {{"f", FieldType::kString}}), 1, kStart,
          [](auto& row) { row.set(0, std::string_view("x")); });
  EXPECT_THAT(refusal(schema("m", "c", {{"f", FieldType::kFloat}}), 1, kStart, [](auto& row) { row.set(0, 1.0); }),
              HasSubstr("more than 2 groups"));
  EXPECT_EQ(rows(*store, "m"), 0U);
}

// Whole numbers below zero have bits that as a float's would be no number.
TEST_F(StoreTest, NegativeIntegersGoIntoAColumnOfFloats) {
  auto store = open();
  metric::Batch batch;
  batch.add(schema("m", "a", {{"f", FieldType::kFloat}}), 1, kStart).set(0, 1.5);
  batch.add(schema("m", "a", {{"f", FieldType::kInteger}}), 1, kStart + kSecond).set(0, std::int64_t{-1});
  const auto report = store->write(batch);
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->first_refusal, "");
  EXPECT_EQ(report->stored_samples, 2U);
  EXPECT_EQ(rows(*store, "m"), 2U);
}

TEST_F(StoreTest, ACheckpointAndItsMarkSurviveACrash) {
  const metric::SchemaId id = schema("m", "a", {{"f", FieldType::kFloat}});
  auto store = open();
  EXPECT_EQ(store->mark("journal"), "");
  ASSERT_TRUE(store->write(ticks(id, kStart, 10)).has_value());
  ASSERT_TRUE(store->set_mark("journal", "10").has_value());
  ASSERT_TRUE(store->maintain(kStart).has_value());
  ASSERT_TRUE(store->write(ticks(id, kStart + 10 * kSecond, 10)).has_value());
  ASSERT_TRUE(store->set_mark("journal", "20").has_value());
  EXPECT_EQ(store->mark("journal"), "20");
  EXPECT_EQ(store->durable_mark("journal"), "10");
  store = nullptr;
  store = open();
  // Rows and mark go together.
  EXPECT_EQ(store->durable_mark("journal"), "10");
  EXPECT_EQ(rows(*store, "m"), 10U);
  EXPECT_EQ(store->mark("journal"), "10");
  EXPECT_EQ(store->stats().head_rows, 10U);
}

TEST_F(StoreTest, HeadsAreSealedByAgeAndTheirSnapshotsGo) {
  options_.seal_after = std::chrono::seconds(60);
  const metric::SchemaId id = schema("m", "a", {{"f", FieldType::kFloat}});
  const auto store = open();
  ASSERT_TRUE(store->write(ticks(id, kStart, 10)).has_value());
  ASSERT_TRUE(store->maintain(kStart).has_value());
  EXPECT_EQ(store->stats().chunks, 0U);
  EXPECT_EQ(check(options_.directory).value().snapshots, 1U);
  ASSERT_TRUE(store->maintain(kStart + 61 * kSecond).has_value());
  EXPECT_EQ(store->stats().chunks, 1U);
  EXPECT_EQ(store->stats().head_rows, 0U);
  EXPECT_EQ(check(options_.directory).value().snapshots, 0U);
  EXPECT_EQ(rows(*store, "m"), 10U);
}

TEST_F(StoreTest, RetentionByAgeRemovesWholeChunks) {
  options_.rows_per_chunk = 100;
  options_.retain = std::chrono::seconds(1000);
  const metric::SchemaId id = schema("m", "a", {{"f", FieldType::kFloat}});
  const auto store = open();
  for (std::size_t i = 0; i < 20; ++i) {
    const UnixNanos at = kStart + static_cast<UnixNanos>(i) * 100 * kSecond;
    ASSERT_TRUE(store->write(ticks(id, at, 100)).has_value());
    ASSERT_TRUE(store->maintain(at + 99 * kSecond).has_value());
  }
  const std::size_t left = rows(*store, "m");
  EXPECT_GE(left, 1000U);
  EXPECT_LE(left, 1300U);
  EXPECT_GE(store->stats().expired_chunks, 3U);
  // What was read just before, and is still in memory, goes with the rest.
  const std::uint64_t expired = store->stats().expired_chunks;
  ASSERT_TRUE(store->maintain(kStart + 2600 * kSecond).has_value());
  EXPECT_GT(store->stats().expired_chunks, expired);
  EXPECT_LT(rows(*store, "m"), left);
}

TEST_F(StoreTest, TheOldestThatIsStoredIsKnownOfEachTier) {
  options_.rows_per_chunk = 100;
  constexpr UnixNanos kHour = 3600 * kSecond;
  const UnixNanos start = kStart / kHour * kHour;
  const UnixNanos end = start + 13 * kHour;
  const metric::SchemaId id = schema("m", "a", {{"f", FieldType::kFloat}});
  {
    const auto store = open();
    ASSERT_TRUE(store->maintain(start).has_value());
    EXPECT_EQ(store->stats().rows_oldest, 0);
    ASSERT_TRUE(store->write(ticks(id, start + 5 * kSecond, 50)).has_value());
    ASSERT_TRUE(store->maintain(start + 60 * kSecond).has_value());
    EXPECT_EQ(store->stats().chunks, 0U);
    EXPECT_EQ(store->stats().rows_oldest, start + 5 * kSecond) << "rows that are not sealed count";
    EXPECT_EQ(store->stats().hours_oldest, 0);
    ASSERT_TRUE(store->write(ticks(id, start + 60 * kSecond, 13 * 3600)).has_value());
    ASSERT_TRUE(store->maintain(end).has_value());
    ASSERT_TRUE(store->close().has_value());
  }
  {
    const auto store = open();
    ASSERT_TRUE(store->maintain(end).has_value());
    EXPECT_EQ(store->stats().rows_oldest, start + 5 * kSecond);
    EXPECT_EQ(store->stats().minutes_oldest, start);
    EXPECT_EQ(store->stats().hours_oldest, start);
  }
  options_.retain = std::chrono::hours(2);
  const auto store = open();
  ASSERT_TRUE(store->maintain(end).has_value());
  EXPECT_GT(store->stats().rows_oldest, end - 2 * kHour - 300 * kSecond);
  EXPECT_LT(store->stats().rows_oldest, end - 2 * kHour + 300 * kSecond);
  EXPECT_EQ(store->stats().hours_oldest, start) << "the tiers keep theirs";
}

TEST_F(StoreTest, TheFilesStayWithinTheLimitAndTheNewestRowsStay) {
  options_.disk_limit_bytes = 2U << 20U;
  const auto store = open();
  std::vector<metric::SchemaId> ids;
  for (int i = 0; i < 10; ++i) ids.push_back(schema("m", "h" + std::to_string(i), {{"f", FieldType::kFloat}}));
  std::uint64_t seed = 1;
  UnixNanos at = kStart;
  std::uint64_t most = 0;
  for (int round = 0; round < 400; ++round) {
    metric::Batch batch;
    for (int i = 0; i < 100; ++i, at += kSecond)
      for (const metric::SchemaId id : ids) {
        seed = seed * 6364136223846793005U + 1442695040888963407U;
        batch.add(id, 1, at).set(0, static_cast<double>(seed >> 11U) / 3.0);
      }
    const auto report = store->write(batch);
    ASSERT_TRUE(report) << report.error().message;
    const Status status = store->maintain(at);
    ASSERT_TRUE(status) << status.error().message;
    most = std::max(most, store->stats().disk_bytes);
  }
  EXPECT_LE(most, options_.disk_limit_bytes);
  EXPECT_GE(most, options_.disk_limit_bytes / 2);
  EXPECT_GT(store->stats().evicted_chunks, 10U);
  std::string problem;
  const Shown shown = scan_all(*store, "m", store->groups("m")[3]->id, problem);
  EXPECT_EQ(problem, "");
  ASSERT_GT(shown.size(), 2000U);
  EXPECT_EQ(shown.rbegin()->first, at - kSecond);
  ASSERT_TRUE(store->close().has_value());
}

TEST_F(StoreTest, HeadsThatTheFileHasNoRoomForAreSealed) {
  options_.disk_limit_bytes = kLeastDiskLimitBytes;
  const auto store = open();
  std::vector<metric::Field> fields;
  for (int i = 0; i < 8; ++i) fields.push_back({"f" + std::to_string(i), FieldType::kFloat});
  std::vector<metric::SchemaId> ids;
  for (int i = 0; i < 200; ++i) ids.push_back(schema("m", "h" + std::to_string(i), fields));
  std::uint64_t seed = 1;
  UnixNanos at = kStart;
  for (int round = 0; round < 40; ++round) {
    metric::Batch batch;
    for (int i = 0; i < 50; ++i, at += kSecond)
      for (const metric::SchemaId id : ids) {
        auto row = batch.add(id, fields.size(), at);
        for (std::size_t field = 0; field < fields.size(); ++field) {
          seed = seed * 6364136223846793005U + 1442695040888963407U;
          row.set(field, static_cast<double>(seed >> 11U) / 3.0);
        }
      }
    const auto report = store->write(batch);
    ASSERT_TRUE(report) << "round " << round << ": " << report.error().message;
    if (round % 8 != 7) continue;  // five MB of heads
    const Status flushed = store->flush();
    ASSERT_TRUE(flushed) << "round " << round << ": " << flushed.error().message;
    const Status kept = store->maintain(at);
    ASSERT_TRUE(kept) << "round " << round << ": " << kept.error().message;
    EXPECT_LE(store->stats().disk_bytes, options_.disk_limit_bytes);
  }
  EXPECT_GT(store->stats().evicted_chunks, 0U);
  std::string problem;
  EXPECT_EQ(scan_all(*store, "m", 0, problem, {at - 100 * kSecond, at}).size(), 100U) << "the newest rows stay";
  EXPECT_EQ(problem, "");
}

TEST_F(StoreTest, ManySeriesHaveRoomForMoreThanTheBoundOfHeads) {
  options_.head_limit_bytes = 16U << 10U;
  options_.head_bytes_a_series = 512;
  std::vector<metric::SchemaId> ids;
  for (int i = 0; i < 100; ++i) ids.push_back(schema("m", "host" + std::to_string(i), {{"f", FieldType::kFloat}}));
  const auto store = open();
  std::uint64_t most = 0;
  std::uint64_t unsealed = 0;
  std::string problem;
  int rows_each = 0;
  for (; rows_each < 400; ++rows_each) {
    metric::Batch batch;
    const UnixNanos time = kStart + rows_each * kSecond;
    for (const metric::SchemaId id : ids) batch.add(id, 1, time).set(0, rows_each / 3.0 + id);
    ASSERT_TRUE(store->write(batch));
    most = std::max(most, store->stats().head_bytes);
    if (store->stats().chunks == 0) unsealed = store->stats().head_bytes;
  }
  EXPECT_GT(unsealed, 40U << 10U) << "a hundred series have 512 bytes each";
  EXPECT_LE(most, 80U << 10U) << "one batch begins a piece of each";
  EXPECT_GT(store->stats().chunks, 100U);
  for (GroupId group = 0; group < 100; ++group) EXPECT_EQ(scan_all(*store, "m", group, problem).size(), 400U);
  EXPECT_EQ(problem, "");
  ASSERT_TRUE(store->close());
  EXPECT_TRUE(check(options_.directory).value().sound());
}

TEST_F(StoreTest, AFullDiskTakesNothingAndPasses) {
  options_.head_limit_bytes = 256U << 10U;
  const metric::SchemaId id = schema("m", "a", {{"f", FieldType::kFloat}});
  const auto store = open();
  ASSERT_TRUE(store->write(ticks(id, kStart, 100)).has_value());
  ASSERT_TRUE(store->flush().has_value());
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  ::signal(SIGXFSZ, SIG_IGN);
  const rlimit tiny{64U << 10U, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tiny), 0);
  std::size_t taken = 100;
  bool refused = false;
  for (int i = 0; i < 1000 && !refused; ++i) {
    const auto report = store->write(ticks(id, kStart + static_cast<UnixNanos>(taken) * kSecond, 10'000));
    refused = !report.has_value();
    if (!refused) {
      taken += 10'000;
      continue;
    }
    EXPECT_EQ(report.error().kind, ErrorKind::kUnavailable) << report.error().message;
  }
  EXPECT_FALSE(store->flush().has_value());
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_TRUE(refused);
  EXPECT_EQ(rows(*store, "m"), taken);  // readers still see everything that was taken
  const auto again = store->write(ticks(id, kStart + static_cast<UnixNanos>(taken) * kSecond, 10'000));
  ASSERT_TRUE(again) << again.error().message;
  ASSERT_TRUE(store->close().has_value());
  EXPECT_EQ(rows(*store, "m"), taken + 10'000);
  EXPECT_TRUE(check(options_.directory).value().sound());
}

TEST_F(StoreTest, AChunkOfAFailedTransactionIsNeverShown) {
  options_.snapshot_every = std::chrono::hours(1);  // what fails is to be the seal
  options_.seal_after = std::chrono::seconds(60);
  const metric::SchemaId id = schema("m", "a", {{"f", FieldType::kFloat}});
  const auto store = open();
  metric::Batch batch;  // of a day, so that what is sealed is read again for its windows
  for (int minute = 0; minute < 1440; ++minute) batch.add(id, 1, kStart + minute * 60 * kSecond).set(0, minute / 3.0);
  ASSERT_TRUE(store->write(batch).has_value());
  ASSERT_TRUE(store->flush().has_value());
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  ::signal(SIGXFSZ, SIG_IGN);
  const rlimit none{1, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &none), 0);
  const UnixNanos later = kStart + 86'400 * kSecond;
  EXPECT_FALSE(store->maintain(later).has_value()) << "heads were to be sealed, and cannot be";
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_EQ(rows(*store, "m"), 1440U);
  EXPECT_EQ(store->stats().chunks, 0U);
  // The same number is for another chunk now.
  ASSERT_TRUE(store->write(ticks(id, kStart - kSecond, 1)).has_value());
  ASSERT_TRUE(store->maintain(later + kSecond).has_value());
  EXPECT_EQ(store->stats().head_rows, 0U);
  EXPECT_EQ(rows(*store, "m"), 1441U);
}

TEST_F(StoreTest, ADamagedChunkIsWalledOffAndTheRestAnswers) {
  options_.rows_per_chunk = 100;
  const metric::SchemaId id = schema("m", "a", {{"f", FieldType::kFloat}});
  auto store = open();
  for (std::size_t i = 0; i < 8; ++i) {
    ASSERT_TRUE(store->write(ticks(id, kStart + static_cast<UnixNanos>(i) * 100 * kSecond, 100)).has_value());
    ASSERT_TRUE(store->maintain(kStart + static_cast<UnixNanos>(i * 100 + 100) * kSecond).has_value());
  }
  ASSERT_TRUE(store->close().has_value());
  const std::uint64_t chunks = store->stats().chunks;
  ASSERT_GE(chunks, 4U);
  store = nullptr;
  execute(
      "UPDATE chunks SET data = CAST(substr(data, 1, 40) || x'ff' || substr(data, 42) AS BLOB) WHERE id = (SELECT "
      "min(id) FROM chunks)");
  store = open();
  const std::size_t left = rows(*store, "m");
  EXPECT_LT(left, 800U);
  EXPECT_GE(left, 500U);
  EXPECT_EQ(rows(*store, "m"), left);
  EXPECT_EQ(store->stats().damaged_chunks, 1U);
  // A late row into the damaged stretch is stored and shown all the same.
  ASSERT_TRUE(store->write(ticks(id, kStart + 10 * kSecond + 1, 1)).has_value());
  ASSERT_TRUE(store->close().has_value());
  EXPECT_EQ(rows(*store, "m"), left + 1);
  const CheckReport report = check(options_.directory).value();
  EXPECT_EQ(report.damaged, 1U);
  ASSERT_EQ(report.damage.size(), 1U);
  EXPECT_THAT(report.damage[0], HasSubstr("m,host=a: chunk: wrong checksum"));
}

TEST_F(StoreTest, OnlyOneProcessHasIt) {
  const auto store = open();
  const auto second = Store::open(options_, schemas_);
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().kind, ErrorKind::kUnavailable);
  EXPECT_THAT(second.error().message, HasSubstr("another process has it open"));
}

TEST_F(StoreTest, OtherFilesAreRefusedUnchanged) {
  open();
  execute("PRAGMA user_version = 77");
  const auto newer = Store::open(options_, schemas_);
  ASSERT_FALSE(newer.has_value());
  EXPECT_EQ(newer.error().kind, ErrorKind::kUnsupported);
  EXPECT_THAT(newer.error().message, HasSubstr("version 77"));
  EXPECT_EQ(check(options_.directory).error().kind, ErrorKind::kUnsupported);
  execute("PRAGMA application_id = 5");
  EXPECT_EQ(Store::open(options_, schemas_).error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(check(directory_.store() + "/none").error().kind, ErrorKind::kNotFound);
}

TEST_F(StoreTest, AVisitorsErrorEndsTheScan) {
  options_.rows_per_chunk = 50;
  const metric::SchemaId id = schema("m", "a", {{"f", FieldType::kFloat}});
  const auto store = open();
  ASSERT_TRUE(store->write(ticks(id, kStart, 40)).has_value());
  ASSERT_TRUE(store->close().has_value());
  int calls = 0;
  const Status status = store->scan(0, std::vector<ColumnId>{0}, {}, true, [&](const Block&) -> Status {
    ++calls;
    return fail(ErrorKind::kLimit, "enough");
  });
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(status.error().message, "enough");
}

// The newest row alone is the first block of a scan from new to old, where it is known to be the newest.
TEST_F(StoreTest, TheNewestRowIsShownFirst) {
  options_.rows_per_chunk = 50;
  const metric::SchemaId id = schema("m", "a", {{"f", FieldType::kFloat}});
  auto store = open();
  // Times of the first block, in seconds since the start, and how many rows a whole scan shows.
  using Seen = std::pair<std::vector<UnixNanos>, std::size_t>;
  const auto scan = [&](TimeRange range = {}) {
    Seen seen;
    EXPECT_TRUE(store->scan(0, std::vector<ColumnId>{0}, range, true, [&](const Block& block) -> Status {
      for (const UnixNanos time : block.times)
        if (seen.second == 0) seen.first.push_back((time - kStart) / kSecond);
      seen.second += block.times.size();
      return {};
    }));
    return seen;
  };
  const auto write = [&](UnixNanos second) { ASSERT_TRUE(store->write(ticks(id, kStart + second * kSecond, 1))); };
  for (const UnixNanos second : {1, 2, 3}) write(second);
  EXPECT_EQ(scan().second, 3U) << "whether there are chunks is not known yet";
  EXPECT_EQ(scan(), Seen({3}, 3));
  EXPECT_EQ(scan({INT64_MIN, kStart + 3 * kSecond}), Seen({1, 2}, 2)) << "the range ends before it";
  EXPECT_EQ(scan({kStart + 3 * kSecond, INT64_MAX}), Seen({3}, 1));
  EXPECT_EQ(scan({kStart + 4 * kSecond, INT64_MAX}), Seen({}, 0)) << "the range begins behind it";

  ASSERT_TRUE(store->close().has_value());  // all in a chunk
  store.reset();
  store = open();
  write(2);
  EXPECT_EQ(scan().first.back(), 3) << "a chunk has a newer one";
  write(3);
  EXPECT_EQ(scan(), Seen({1, 2, 3}, 3)) << "a chunk has one of the same time";
  write(4);
  write(5);
  EXPECT_EQ(scan(), Seen({5}, 5));
  ASSERT_TRUE(store->close().has_value());
}

TEST_F(StoreTest, RowsRightBeforeAndBehindAChunk) {
  const metric::SchemaId id = schema("m", "a", {{"f", FieldType::kFloat}});
  auto store = open();
  ASSERT_TRUE(store->write(ticks(id, kStart, 3)));
  ASSERT_TRUE(store->close().has_value());  // all in a chunk
  store.reset();
  store = open();
  for (const UnixNanos time : {kStart - 2, kStart - 1, kStart + 2 * kSecond + 1, kStart + 2 * kSecond + 2})
    ASSERT_TRUE(store->write(ticks(id, time, 1)));
  for (const bool descending : {false, true}) {
    std::string problem;
    EXPECT_EQ(scan_all(*store, "m", 0, problem, {}, descending).size(), 7U);
    EXPECT_EQ(problem, "");
  }
  ASSERT_TRUE(store->close().has_value());
}

// Readers see every row that was written before they asked, whatever seal, join and retention do meanwhile.
TEST_F(StoreTest, ReadersBesideTheWriter) {
  options_.rows_per_chunk = 40;
  options_.checkpoint_every = std::chrono::seconds(0);
  const metric::SchemaId id = schema("m", "a", {{"f", FieldType::kFloat}});
  const auto store = open();
  ASSERT_TRUE(store->write(ticks(id, kStart, 1)).has_value());
  std::atomic<std::size_t> written = 1;
  std::atomic<bool> stop = false;
  std::vector<std::thread> readers;
  for (int reader = 0; reader < 3; ++reader) {
    readers.emplace_back([&, reader] {
      while (!stop) {
        const std::size_t before = written;
        std::string problem;
        const Shown shown = scan_all(*store, "m", 0, problem, {}, reader == 1);
        EXPECT_EQ(problem, "");
        EXPECT_GE(shown.size(), before);
        EXPECT_GE(store->stats().stored_samples, before);
        EXPECT_EQ(store->groups("m").size(), 1U);
      }
    });
  }
  for (std::size_t i = 1; i < 1500; ++i) {
    // Every tenth comes late, so that chunks overlap and are replaced.
    const std::size_t at = i % 10 == 9 ? i + 5000 : i;
    ASSERT_TRUE(store->write(ticks(id, kStart + static_cast<UnixNanos>(at) * kSecond, 1)).has_value());
    written = i + 1;
    if (i % 7 == 0) {
      ASSERT_TRUE(store->maintain(kStart + static_cast<UnixNanos>(i) * kSecond).has_value());
    }
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(rows(*store, "m"), 1500U);
}

// A scan from the newest row back looks a few chunks up at a time. Late rows that join the last of those with the first
// of the next, while it runs, cost it no row.
TEST_F(StoreTest, ChunksJoinedUnderAScanLoseNoRow) {
  constexpr UnixNanos kHour = 3600 * kSecond;
  options_.seal_after = std::chrono::seconds(0);
  options_.checkpoint_every = std::chrono::seconds(0);
  const metric::SchemaId id = schema("m", "a", {{"f", FieldType::kFloat}});
  const auto store = open();
  const auto write = [&](std::initializer_list<UnixNanos> times) {
    metric::Batch batch;
    for (const UnixNanos time : times) batch.add(id, 1, time).set(0, 1.5);
    ASSERT_TRUE(store->write(batch).has_value());
    ASSERT_TRUE(store->maintain(kStart).has_value());
  };
  // Too far apart to be joined: the newest begins at kStart, each before it eight hours earlier.
  constexpr int kChunks = 40;
  for (int chunk = kChunks - 1; chunk >= 0; --chunk) {
    const UnixNanos start = kStart - chunk * 8 * kHour;
    write({start, start + kHour});
  }
  for (int joined = 0; joined + 1 < kChunks; ++joined) {
    std::string problem;
    const std::size_t before = scan_all(*store, "m", 0, problem, {}, true).size();
    std::size_t seen = 0;
    int block = 0;
    const Status status = store->scan(0, std::vector<ColumnId>{0}, {}, true, [&](const Block& rows) -> Status {
      seen += rows.times.size();
      if (block++ == joined) {
        // Of the next two chunks one, that ends later than either.
        const UnixNanos newer = rows.times.front() - 8 * kHour;
        write({newer + kHour + kSecond, newer, newer - 4 * kHour, newer - 7 * kHour - kSecond});
      }
      return {};
    });
    ASSERT_TRUE(status.has_value()) << status.error().message;
    EXPECT_GE(seen, before) << joined;
    EXPECT_EQ(problem, "");
  }
}

}  // namespace
}  // namespace resmon::store
