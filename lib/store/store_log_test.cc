// The recent log: what a start after a crash finds.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <zstd.h>

#include <filesystem>
#include <functional>
#include <random>

#include "base/crc32c.h"
#include "store/backup.h"
#include "store/bytes.h"
#include "store/check.h"
#include "store/store_test_support.h"

namespace resmon::store {
namespace {

using metric::FieldType;
using ::testing::HasSubstr;

class StoreLogTest : public ::testing::Test {
 protected:
  StoreLogTest() : options_(options_in(directory_)) { options_.checkpoint_every = std::chrono::seconds(0); }

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
  std::vector<std::int64_t> segments() {
    std::vector<std::int64_t> found;
    execute("SELECT segment FROM log ORDER BY segment",
            [&](sqlite3_stmt* row) { found.push_back(sqlite3_column_int64(row, 0)); });
    return found;
  }

  ScratchDirectory directory_;
  Options options_;
  metric::SchemaTable schemas_;
};

TEST_F(StoreLogTest, DeltasAreGatheredAndGo) {
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
    most = std::max(most, segments().size());
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

// What a sealed head leaves in segments that others hold does not come back over what overwrote it.
TEST_F(StoreLogTest, ASealedHeadStaysSealed) {
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
  EXPECT_GE(segments().size(), 1U);
  const Shown before = shown(*store, "sealed");
  EXPECT_EQ(before.begin()->second.at("i"), "i2");
  store = nullptr;
  store = open();
  EXPECT_TRUE(shown(*store, "sealed") == before);
  EXPECT_EQ(store->stats().head_rows, 1U);  // of the other
}

// A damaged segment costs rows of its own and of the pieces that it is part of, never a wrong one, and what comes later
// is whole.
TEST_F(StoreLogTest, ADamagedSegmentIsWalledOff) {
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
    const std::vector<std::int64_t> all = segments();
    const std::string hurt = std::to_string(all[random() % all.size()]);
    if (random() % 2 == 0)
      execute(
          "UPDATE log SET data = CAST(substr(data, 1, length(data) - 3) || x'ff' || substr(data, length(data) - 1)"
          " AS BLOB) WHERE segment = " +
          hurt);
    else
      execute("UPDATE log SET data = CAST(substr(data, 1, 4) AS BLOB) WHERE segment = " + hurt);
    const Result<CheckReport> report = check(options_.directory);
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_FALSE(report->sound());
    EXPECT_THAT(report->damage[0], HasSubstr("log segment " + hurt + ": "));
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

// A segment as versions 1 and 2 wrote it: `rows` of group 0, one a second.
std::string row_segment(std::size_t rows, UnixNanos start = kStart) {
  std::string records;
  put_varint(records, 0);  // a shape
  put_varint(records, 0);  // of group 0
  put_varint(records, 2);
  put_varint(records, 0);
  records.push_back(static_cast<char>(FieldType::kFloat));
  put_varint(records, 1);
  records.push_back(static_cast<char>(FieldType::kInteger));
  for (std::size_t row = 0; row < rows; ++row) {
    put_varint(records, 1);
    put_varint(records, zigzag(row == 0 ? start : kSecond));
    if (row % 2 == 0) {
      put_varint(records, 0);                                // all of them
      put_varint(records, zigzag(row == 0 ? 0 : 50) << 1U);  // half more than before
    } else {
      put_varint(records, 1);  // the second only
      put_varint(records, 1);
    }
    put_varint(records, zigzag(3));
  }
  std::string packed(ZSTD_compressBound(records.size()), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), records.data(), records.size(), 1));
  std::string segment(1, '\1');
  put_fixed(segment, crc32c(packed));
  return segment + packed;
}

TEST_F(StoreLogTest, AStoreOfVersion2IsReadWithItsLog) {
  for (const bool gather : {false, true}) {
    std::filesystem::remove_all(options_.directory);
    const metric::SchemaId id = schema("a");
    auto store = open();
    write(*store, id, 0, 0, 3);
    ASSERT_TRUE(store->flush().has_value());
    store = nullptr;
    execute("UPDATE log SET data = ?1", {}, row_segment(100));
    execute("PRAGMA user_version = 2");
    EXPECT_TRUE(check(options_.directory).value().sound());
    store = open();
    Shown rows = shown(*store, "a");
    ASSERT_EQ(rows.size(), 100U);
    EXPECT_EQ(rows[kStart + 99 * kSecond].at("i"), "i300");
    EXPECT_FALSE(rows[kStart + 99 * kSecond].contains("f"));
    EXPECT_EQ(rows[kStart + 98 * kSecond].at("f"), text_of(FieldType::kFloat, metric::cell_of(24.5), {}));
    for (std::int64_t second = 100; second < (gather ? 200 : 110); ++second) {
      write(*store, id, second, 1, second);
      ASSERT_TRUE(store->maintain(kStart + second * kSecond).has_value());
    }
    rows = shown(*store, "a");
    store = nullptr;
    if (gather) {
      EXPECT_GT(segments().front(), 1);
    }
    EXPECT_TRUE(check(options_.directory).value().sound());
    store = open();
    EXPECT_TRUE(shown(*store, "a") == rows);
    ASSERT_TRUE(store->close().has_value());
    EXPECT_TRUE(shown(*store, "a") == rows);
    store = nullptr;
    std::int64_t version = 0;
    execute("PRAGMA user_version", [&](sqlite3_stmt* row) { version = sqlite3_column_int64(row, 0); });
    EXPECT_EQ(version, 3);
  }
}

// Version 1 had no tiers and counted only its chunks. What it kept is answered as it is, also to those that only read,
// and gets its tiers with the next seals.
TEST_F(StoreLogTest, AStoreOfVersion1BecomesOneOfVersion3) {
  constexpr std::int64_t kMinute = 60;
  constexpr std::int64_t kRows = 40 * 60;  // one a minute, of forty hours
  options_.rows_per_chunk = 100;
  const metric::SchemaId id = schema("a");
  auto store = open();
  for (std::int64_t row = 0; row < kRows; ++row) {
    write(*store, id, row * kMinute, static_cast<double>(row % 700) / 10, row);
    if (row % 60 == 59) {
      ASSERT_TRUE(store->maintain(kStart + row * kMinute * kSecond).has_value());
    }
  }
  ASSERT_TRUE(store->close().has_value());
  Shown rows = shown(*store, "a");
  const std::uint64_t of_version_3 = store->stats().minutes_bytes;
  EXPECT_GT(of_version_3, 0U);
  store = nullptr;
  // As that version left it after a crash, with the last hundred rows in its log.
  execute("DELETE FROM chunks WHERE tier <> 0");
  execute("DELETE FROM meta WHERE key NOT IN ('chunks', 'flushes')");
  execute("UPDATE meta SET value = (SELECT count(*) FROM chunks) WHERE key = 'chunks'");
  execute("INSERT INTO log VALUES (1, ?1)", {}, row_segment(100, kStart + kRows * kMinute * kSecond));
  execute("PRAGMA user_version = 1");
  const auto version = [&] {
    std::int64_t found = 0;
    execute("PRAGMA user_version", [&](sqlite3_stmt* row) { found = sqlite3_column_int64(row, 0); });
    return found;
  };
  const auto is_whole = [&](const Store& of) {
    const Shown found = shown(of, "a");
    ASSERT_EQ(found.size(), static_cast<std::size_t>(kRows) + 100);
    for (const auto& [time, values] : rows) ASSERT_EQ(found.at(time), values);
    EXPECT_EQ(found.rbegin()->second.at("i"), "i300");
    for (const UnixNanos width : {kMinuteWidth, kHourWidth}) {
      const TimeRange all{INT64_MIN / width * width, INT64_MAX / width * width};
      std::string problem;
      const GroupId group = of.groups("m")[0]->id;
      EXPECT_TRUE(scan_all_windows(of, "m", group, all, width, false, problem) ==
                  scan_all_windows(of, "m", group, all, width, true, problem));
      EXPECT_EQ(problem, "");
    }
  };

  EXPECT_TRUE(check(options_.directory).value().sound());
  const std::string copy = options_.directory + "-copy";
  ASSERT_TRUE(backup(options_.directory, copy).has_value());
  EXPECT_TRUE(check_file(copy).value().sound());
  options_.read_only = true;
  store = open();
  is_whole(*store);
  store = nullptr;
  EXPECT_EQ(version(), 1) << "who only reads changes nothing";

  options_.read_only = false;
  for (const bool copied : {false, true}) {
    SCOPED_TRACE(copied ? "the backup" : "the store");
    if (copied) std::filesystem::rename(copy, options_.directory + "/resmon.db");
    store = open();
    EXPECT_EQ(version(), 3);
    is_whole(*store);
    const std::uint64_t chunks = store->stats().chunks;
    std::int64_t bytes = 0;
    execute("SELECT sum(length(data)) FROM chunks", [&](sqlite3_stmt* row) { bytes = sqlite3_column_int64(row, 0); });
    EXPECT_EQ(store->stats().rows_bytes, static_cast<std::uint64_t>(bytes));
    EXPECT_EQ(store->stats().minutes_bytes, 0U);
    ASSERT_TRUE(store->close().has_value());  // which seals
    EXPECT_GT(store->stats().chunks, chunks);
    EXPECT_GE(store->stats().minutes_bytes, of_version_3);
    is_whole(*store);
    store = nullptr;
    EXPECT_TRUE(check(options_.directory).value().sound());
    for (const char* left : {"/resmon.db", "/resmon.db-wal", "/resmon.db-shm"})
      std::filesystem::remove(options_.directory + left);
  }
}

}  // namespace
}  // namespace resmon::store
