// Snapshots of heads: what a start after a crash finds of them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <functional>
#include <random>

#include "store/check.h"
#include "store/store_test_support.h"

namespace resmon::store {
namespace {

using metric::FieldType;
using ::testing::HasSubstr;

class StoreSnapshotsTest : public ::testing::Test {
 protected:
  StoreSnapshotsTest() : options_(options_in(directory_)) {
    options_.checkpoint_every = options_.snapshot_every = std::chrono::seconds(0);
  }

  std::unique_ptr<Store> open() {
    Result<std::unique_ptr<Store>> store = Store::open(options_, schemas_);
    EXPECT_TRUE(store) << store.error().message;
    return store ? std::move(*store) : nullptr;
  }
  metric::SchemaId schema(const std::string& host) {
    return schemas_.intern({"m", {{"host", host}}, {{"f", FieldType::kFloat}, {"i", FieldType::kInteger}}}).value();
  }
  static void write(Store& store, metric::SchemaId id, std::int64_t second, double f, std::int64_t i) {
    metric::Batch batch;
    metric::RowWriter row = batch.add(id, 2, kStart + second * kSecond);
    row.set(0, f);
    row.set(1, i);
    EXPECT_TRUE(store.write(batch).has_value());
  }
  static Shown shown(const Store& store, const std::string& host) {
    for (const auto& group : store.groups("m")) {
      if (group->tags[0].value != host) continue;
      std::string problem;
      Shown rows = scan_all(store, "m", group->id, problem);
      EXPECT_EQ(problem, "");
      return rows;
    }
    return {};
  }
  // Whatever `each` is told of; for statements without rows, nothing.
  void execute(const std::string& sql, const std::function<void(sqlite3_stmt*)>& each = {},
               std::string_view blob = {}) {
    sqlite3* handle = nullptr;
    ASSERT_EQ(sqlite3_open((options_.directory + "/resmon.db").c_str(), &handle), SQLITE_OK);
    sqlite3_stmt* statement = nullptr;
    ASSERT_EQ(sqlite3_prepare_v2(handle, sql.c_str(), -1, &statement, nullptr), SQLITE_OK) << sqlite3_errmsg(handle);
    if (!blob.empty()) sqlite3_bind_blob(statement, 1, blob.data(), static_cast<int>(blob.size()), SQLITE_TRANSIENT);
    int step = sqlite3_step(statement);
    for (; step == SQLITE_ROW; step = sqlite3_step(statement))
      if (each) each(statement);
    EXPECT_EQ(step, SQLITE_DONE) << sqlite3_errmsg(handle);
    sqlite3_finalize(statement);
    sqlite3_close(handle);
  }
  std::vector<std::int64_t> snapshots() {
    std::vector<std::int64_t> found;
    execute("SELECT number FROM snapshots ORDER BY number",
            [&](sqlite3_stmt* row) { found.push_back(sqlite3_column_int64(row, 0)); });
    return found;
  }

  ScratchDirectory directory_;
  Options options_;
  metric::SchemaTable schemas_;
};

TEST_F(StoreSnapshotsTest, OpenPiecesAreWrittenAgainAndGo) {
  const metric::SchemaId often = schema("often");
  const metric::SchemaId seldom = schema("seldom");
  auto store = open();
  std::size_t most = 0;
  for (std::int64_t second = 0; second < 800; ++second) {
    write(*store, often, second, static_cast<double>(second % 50) / 10, second);
    if (second % 300 == 5) write(*store, seldom, second, 0.5, second);
    if (second % 97 == 96) write(*store, often, second - 90, -1.5, -second);  // late
    ASSERT_TRUE(store->maintain(kStart + second * kSecond).has_value());
    if (second % 50 != 49) continue;
    most = std::max(most, snapshots().size());
    const Shown before = shown(*store, "often");
    const Shown other = shown(*store, "seldom");
    EXPECT_EQ(before.size(), static_cast<std::size_t>(second) + 1);
    store = nullptr;
    const Result<CheckReport> report = check(options_.directory);
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_TRUE(report->sound()) << report->damage[0];
    store = open();
    EXPECT_TRUE(shown(*store, "often") == before);
    EXPECT_TRUE(shown(*store, "seldom") == other);
  }
  EXPECT_GT(most, 32U);
  EXPECT_LT(most, 80U);  // 800 were written
  EXPECT_EQ(store->stats().chunks, 0U);
}

// As long as a head needs rows from its log, the mark stays before them, whatever was set later.
TEST_F(StoreSnapshotsTest, AMarkWaitsForTheRowsBeforeIt) {
  options_.snapshot_every = std::chrono::seconds(1000);
  options_.snapshot_samples = 100;
  options_.rows_per_chunk = 20;
  const metric::SchemaId slow = schema("slow");
  const metric::SchemaId fast = schema("fast");
  auto store = open();
  const auto step = [&](metric::SchemaId id, std::int64_t second) {
    write(*store, id, second, 1, second);
    ASSERT_TRUE(store->set_mark("at", std::to_string(second)).has_value());
    ASSERT_TRUE(store->maintain(kStart + second * kSecond).has_value());
  };
  step(fast, 0);
  EXPECT_EQ(store->mark("at"), "0");
  EXPECT_EQ(store->durable_mark("at"), "");
  // A crash: the rows are to come again, and it is known how far they had come.
  store = nullptr;
  store = open();
  EXPECT_EQ(store->mark("at"), "");
  EXPECT_EQ(store->reached_mark("at"), "0");
  EXPECT_TRUE(shown(*store, "fast").empty());
  step(fast, 1);
  step(slow, 2);
  for (std::int64_t second = 3; second < 45; ++second) step(fast, second);
  EXPECT_GE(store->stats().chunks, 1U);  // of `fast`, sealed; `slow` still needs what came after mark 1
  EXPECT_EQ(store->durable_mark("at"), "1");
  EXPECT_TRUE(snapshots().empty());
  // The log would be read for too long: heads are written.
  for (std::int64_t second = 45; second < 55; ++second) step(fast, second);
  EXPECT_EQ(snapshots().size(), 1U);
  EXPECT_GE(std::stoi(store->durable_mark("at")), 50);
  store = nullptr;
  store = open();
  EXPECT_GE(std::stoi(store->mark("at")), 50);
  EXPECT_EQ(shown(*store, "slow").size(), 1U);
  EXPECT_GE(shown(*store, "fast").size(), 48U);
  // All is in the file when flush returns.
  step(slow, 60);
  ASSERT_TRUE(store->flush().has_value());
  EXPECT_EQ(store->durable_mark("at"), "60");
}

// What a sealed head leaves in snapshots that others hold does not come back over what overwrote it.
TEST_F(StoreSnapshotsTest, ASealedHeadStaysSealed) {
  options_.rows_per_chunk = 20;
  const metric::SchemaId sealed = schema("sealed");
  const metric::SchemaId open_one = schema("open");
  auto store = open();
  write(*store, open_one, 0, 1, 1);
  for (std::int64_t second = 0; second < 5; ++second) write(*store, sealed, second, 1, 1);
  ASSERT_TRUE(store->maintain(kStart).has_value());
  write(*store, sealed, 0, 2, 2);
  for (std::int64_t second = 5; second < 30; ++second) write(*store, sealed, second, 1, 1);
  ASSERT_TRUE(store->maintain(kStart + kSecond).has_value());
  EXPECT_EQ(store->stats().chunks, 1U);
  EXPECT_GE(snapshots().size(), 1U);
  const Shown before = shown(*store, "sealed");
  EXPECT_EQ(before.begin()->second.at("i"), "i2");
  store = nullptr;
  store = open();
  EXPECT_TRUE(shown(*store, "sealed") == before);
  EXPECT_EQ(store->stats().head_rows, 1U);  // of the other
}

// A damaged snapshot costs rows of its own and of the pieces that it is part of, never a wrong one, and what comes
// later is whole.
TEST_F(StoreSnapshotsTest, ADamagedSnapshotIsWalledOff) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    const metric::SchemaId a = schema("a");
    const metric::SchemaId b = schema("b");
    std::filesystem::remove_all(options_.directory);
    auto store = open();
    std::map<std::string, std::map<std::int64_t, std::int64_t>> written;
    const auto one = [&](metric::SchemaId id, const std::string& host, std::int64_t second) {
      const auto value = static_cast<std::int64_t>(random() % 100);
      write(*store, id, second, static_cast<double>(value) / 4, value);
      written[host][second] = value;
    };
    const auto seconds = static_cast<std::int64_t>(random() % 200) + 3;
    for (std::int64_t second = 0; second < seconds; ++second) {
      one(a, "a", second);
      if (random() % 3 == 0) one(b, "b", second);
      if (random() % 50 == 0) one(a, "a", static_cast<std::int64_t>(random() % 1000));
      ASSERT_TRUE(store->maintain(kStart + second * kSecond).has_value());
    }
    store = nullptr;
    const std::vector<std::int64_t> all = snapshots();
    const std::string hurt = std::to_string(all[random() % all.size()]);
    if (random() % 2 == 0)
      execute(
          "UPDATE snapshots SET data = CAST(substr(data, 1, length(data) - 3) || x'ff' || substr(data, length(data) - "
          "1)"
          " AS BLOB) WHERE number = " +
          hurt);
    else
      execute("UPDATE snapshots SET data = CAST(substr(data, 1, 4) AS BLOB) WHERE number = " + hurt);
    const Result<CheckReport> report = check(options_.directory);
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_FALSE(report->sound());
    EXPECT_THAT(report->damage[0], HasSubstr("snapshot " + hurt + ": "));
    store = open();
    EXPECT_GE(store->stats().damaged_chunks, 1U);
    const auto nothing_wrong = [&](const std::string& host) {
      const Shown rows = shown(*store, host);
      for (const auto& [time, values] : rows) {
        ASSERT_TRUE(written[host].contains((time - kStart) / kSecond));
        // What overwrote a row may be lost; the row is one that was written all the same.
        EXPECT_EQ(values.at("f"),
                  text_of(FieldType::kFloat, metric::cell_of(std::stod(values.at("i").substr(1)) / 4), {}));
      }
    };
    nothing_wrong("a");
    nothing_wrong("b");
    // And on from there.
    for (std::int64_t second = 2000; second < 2100; ++second) {
      one(a, "a", second);
      one(b, "b", second);
      ASSERT_TRUE(store->maintain(kStart + second * kSecond).has_value());
    }
    const Shown before_a = shown(*store, "a");
    const Shown before_b = shown(*store, "b");
    store = nullptr;
    store = open();
    EXPECT_TRUE(shown(*store, "a") == before_a);
    EXPECT_TRUE(shown(*store, "b") == before_b);
    for (std::int64_t second = 2000; second < 2100; ++second)
      EXPECT_TRUE(before_a.contains(kStart + second * kSecond)) << second;
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace resmon::store
