#include "store/store_file.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "store/store_test_support.h"

namespace resmon::store {
namespace {

class StoreFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    lock_ = *lock_directory(options_.directory);
    open();
  }
  void open() {
    file_ = std::make_unique<StoreFile>(options_, catalog_, marks_, time_, [&](GroupId id) { changed_.push_back(id); });
    ASSERT_TRUE(file_->open());
    ASSERT_TRUE(file_->load());
  }

  static Rows rows(UnixNanos first, std::size_t count) {
    Rows out;
    for (std::size_t i = 0; i < count; ++i) out.times.push_back(first + static_cast<UnixNanos>(i));
    return out;
  }
  Status insert(GroupId group, UnixNanos first, const std::string& data = "data") {
    return file_->chunks().insert(kTierRaw, group, rows(first, 10), data);
  }
  Status insert_one(GroupId group, UnixNanos first) {
    return file_->transact([&] { return insert(group, first); });
  }

  ScratchDirectory directory_;
  Options options_ = options_in(directory_);
  Fd lock_;
  Catalog catalog_{1000, 100};
  Marks marks_;
  StoreTime time_;
  std::vector<GroupId> changed_;
  std::unique_ptr<StoreFile> file_;
};

TEST_F(StoreFileTest, SumsAreThoseOfCommittedTransactions) {
  ASSERT_TRUE(insert_one(1, 100));
  ASSERT_TRUE(insert_one(2, 200));
  EXPECT_EQ(changed_, (std::vector<GroupId>{1, 2}));
  EXPECT_EQ(file_->chunks().count(), 2U);
  EXPECT_EQ(file_->chunks().bytes(kTierRaw), 8U);
  const Status failed = file_->transact([&]() -> Status {
    RESMON_TRY(insert(3, 300));
    return fail(ErrorKind::kInvalid, "no");
  });
  EXPECT_EQ(failed.error().message, "no");
  EXPECT_EQ(changed_.size(), 2U);
  EXPECT_EQ(file_->chunks().count(), 2U);
  file_.reset();
  open();
  EXPECT_EQ(file_->chunks().count(), 2U);
  EXPECT_EQ(file_->chunks().bytes(kTierRaw), 8U);
  EXPECT_EQ(file_->chunks().bytes(kTierMinute), 0U);
}

TEST_F(StoreFileTest, TheOldestGoAndLeaveAHorizon) {
  for (const UnixNanos first : {300, 100, 200}) ASSERT_TRUE(insert_one(static_cast<GroupId>(first), first));
  changed_.clear();
  ChunkTable& chunks = file_->chunks();
  EXPECT_EQ(chunks.horizon(kTierRaw), INT64_MIN);
  EXPECT_EQ(*chunks.oldest(kTierRaw), 100);
  ASSERT_TRUE(file_->transact_once([&]() -> Status {
    RESMON_ASSIGN(const ChunkTable::Removed removed, chunks.remove_oldest(kTierRaw, 300, 5));
    EXPECT_EQ(removed.groups, (std::vector<GroupId>{100, 200}));
    return {};
  }));
  EXPECT_EQ(changed_, (std::vector<GroupId>{100, 200}));
  EXPECT_EQ(chunks.horizon(kTierRaw), 209);
  EXPECT_EQ(chunks.horizon(kTierMinute), INT64_MIN);
  EXPECT_EQ(chunks.floor(kTierRaw), kHour);
  EXPECT_EQ(chunks.count(), 1U);
  EXPECT_EQ(*chunks.oldest(kTierRaw), 300);
  EXPECT_EQ(*chunks.oldest(kTierMinute), INT64_MAX);
}

TEST_F(StoreFileTest, ChunksAreFoundByWhereTheyLie) {
  for (const UnixNanos first : {100, 200, 300}) ASSERT_TRUE(insert_one(7, first));
  ChunkTable& chunks = file_->chunks();
  EXPECT_EQ(chunks.newest(7)->time, 309);
  EXPECT_EQ(chunks.newest(7)->rows, 10);
  EXPECT_EQ(chunks.newest(8)->time, INT64_MIN);
  EXPECT_EQ(*chunks.first_after(7, 110), 200);
  EXPECT_EQ(*chunks.first_after(7, 310), std::nullopt);
  EXPECT_EQ(chunks.near(kTierRaw, 7, 150, 160)->size(), 3U);
  EXPECT_EQ(chunks.near(kTierRaw, 7, 400 + 31 * kHour, 400 + 31 * kHour)->size(), 0U);
  EXPECT_TRUE(*file_->reads().has_any(7));
  EXPECT_FALSE(*file_->reads().has_any(8));
  std::string data;
  const std::int64_t id = chunks.near(kTierRaw, 7, 100, 100)->front().id;
  EXPECT_TRUE(*file_->reads().show(id, [&](std::string_view bytes) { data = bytes; }));
  EXPECT_EQ(data, "data");
  ASSERT_TRUE(file_->transact([&] { return chunks.remove(kTierRaw, 7, id); }));
  EXPECT_FALSE(*file_->reads().show(id, [](std::string_view) {}));
  EXPECT_EQ(file_->transact([&] { return chunks.remove(kTierRaw, 7, id); }).error().kind, ErrorKind::kInternal);
}

// New groups are in the file before what refers to them, also where they are too many for one transaction.
TEST_F(StoreFileTest, TheCatalogGoesFirst) {
  options_.disk_limit_bytes = 6U << 20U;
  open();
  const std::string long_value(1000, 'x');
  const MeasurementId measurement = *catalog_.add_measurement("m");
  for (int i = 0; i < 900; ++i) ASSERT_TRUE(catalog_.add_group(measurement, {{"k", long_value + std::to_string(i)}}));
  ASSERT_TRUE(catalog_.has_new());
  std::int64_t groups_then = 0;
  ASSERT_TRUE(file_->transact([&]() -> Status {
    RESMON_ASSIGN(groups_then, file_->database().query_integer("SELECT count(*) FROM groups"));
    return insert(5, 100);
  }));
  EXPECT_EQ(groups_then, 900);
  EXPECT_FALSE(catalog_.has_new());
  EXPECT_EQ(changed_, std::vector<GroupId>{5});
}

TEST_F(StoreFileTest, AFullFileMakesRoomAndTriesAgain) {
  options_.disk_limit_bytes = 6U << 20U;
  open();
  ASSERT_TRUE(file_->database().query_integer("PRAGMA max_page_count = 1000"));
  std::vector<std::int64_t> asked;
  file_->set_evict([&](std::int64_t pages) -> Result<std::size_t> {
    asked.push_back(pages);
    std::size_t gone = 0;
    RESMON_TRY(file_->transact_once([&]() -> Status {
      RESMON_ASSIGN(const ChunkTable::Removed removed, file_->chunks().remove_oldest(kTierRaw, INT64_MAX, 4));
      gone = removed.chunks();
      return {};
    }));
    return gone;
  });
  const std::string data(100'000, 'x');
  for (int i = 0; i < 30; ++i)
    ASSERT_TRUE(file_->transact([&] { return insert(static_cast<GroupId>(i), 100 * (i + 1), data); })) << i;
  EXPECT_FALSE(asked.empty());
  EXPECT_LE(*file_->pages(), 1000);
  EXPECT_LE(file_->chunks().count(), 10U);
  EXPECT_EQ(file_->chunks().newest(29)->time, 3009);
  EXPECT_FALSE(file_->small_steps());
  // Nothing is left to remove: the last error is told, after a try with little at once.
  file_->set_evict([](std::int64_t) -> Result<std::size_t> { return 0; });
  const Status full = file_->transact([&] { return insert(1, 1, std::string(2'000'000, 'x')); });
  EXPECT_EQ(full.error().kind, ErrorKind::kUnavailable);
  EXPECT_TRUE(file_->small_steps());
  time_.finish_by({}, {});
  EXPECT_EQ(insert_one(1, 1).error().message, "store: no time is left to write");
}

TEST_F(StoreFileTest, TheReserveIsSpentOnce) {
  EXPECT_FALSE(file_->spend_reserve());
  file_->keep_reserve();
  EXPECT_TRUE(std::filesystem::exists(options_.directory + "/reserve"));
  EXPECT_TRUE(file_->spend_reserve());
  EXPECT_FALSE(file_->spend_reserve());
}

}  // namespace
}  // namespace resmon::store
