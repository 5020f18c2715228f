// Backups that are not as they were written: none may pass for one that is.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

#include "store/backup.h"
#include "store/check.h"
#include "store/store_test_support.h"

namespace resmon::store {
namespace {

std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void put_bytes(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

class BackupTest : public ::testing::Test {
 protected:
  void SetUp() override {
    options_ = options_in(directory_);
    auto store = Store::open(options_, schemas_);
    ASSERT_TRUE(store) << store.error().message;
    for (int row = 0; row < 2000; ++row) {
      metric::Batch batch;
      const auto id =
          schemas_.intern({"m", {{"host", std::to_string(row % 5)}}, {{"v", metric::FieldType::kInteger}}}).value();
      batch.add(id, 1, kStart + row * kSecond).set(0, std::int64_t{row} * row);
      ASSERT_TRUE((*store)->write(batch));
    }
    ASSERT_TRUE((*store)->close());
    const std::string journal = directory_.store() + "-journal";
    put_bytes(journal, std::string(3000, 'j'));
    BackupOptions with;
    with.files.push_back({"journal/1.seg", journal});
    ASSERT_TRUE(backup(options_.directory, file_, with));
    ASSERT_TRUE(check_file(file_).value().sound());
  }
  Status restore_it() {
    const auto done = restore(file_, target_, {});
    return done ? Status() : fail(Error(done.error()));
  }

  ScratchDirectory directory_;
  Options options_;
  metric::SchemaTable schemas_;
  const std::string file_ = directory_.store() + "-backup";
  const std::string target_ = [this] {
    std::string path = directory_.store() + "-restored";
    std::filesystem::create_directory(path);
    return path;
  }();
};

TEST_F(BackupTest, EveryFlippedBitIsFound) {
  const std::string whole = bytes_of(file_);
  std::mt19937_64 random(4);
  const auto expect_refused = [&](const std::string& what) {
    const auto report = check_file(file_);
    EXPECT_TRUE(!report || !report->sound()) << what << ": check finds nothing";
    const Status restored = restore_it();
    ASSERT_FALSE(restored) << what << ": restored";
    EXPECT_EQ(restored.error().kind, ErrorKind::kDamaged) << what;
    EXPECT_NE(restored.error().message.find("checksum"), std::string::npos) << restored.error().message;
    EXPECT_FALSE(std::filesystem::exists(target_ + "/resmon.db"));
  };
  for (int i = 0; i < 400; ++i) {
    // The ends have what says how the rest is to be read.
    const std::size_t at = i < 40    ? whole.size() - 1 - static_cast<std::size_t>(i)
                           : i < 140 ? static_cast<std::size_t>(i - 40)
                                     : random() % whole.size();
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ (i % 3 == 0 ? 0xff : 1 << random() % 8));
    put_bytes(file_, damaged);
    expect_refused("byte " + std::to_string(at));
  }
  for (const std::size_t size : {whole.size() - 1, whole.size() / 2, std::size_t{100}, std::size_t{0}}) {
    put_bytes(file_, whole.substr(0, size));
    expect_refused("cut to " + std::to_string(size));
  }
  put_bytes(file_, whole + '\0');
  expect_refused("one byte more");
  put_bytes(file_, whole);
  const Status restored = restore_it();
  ASSERT_TRUE(restored) << restored.error().message;
  EXPECT_TRUE(check(target_).value().sound());
  EXPECT_EQ(check(target_)->samples, 2000U);
}

TEST_F(BackupTest, OneThatIsPutInPlaceByHandIsAStore) {
  std::filesystem::rename(file_, target_ + "/resmon.db");
  options_.directory = target_;
  EXPECT_TRUE(check(target_).value().sound());
  for (int start = 0; start < 2; ++start) {
    auto store = Store::open(options_, schemas_);
    ASSERT_TRUE(store) << store.error().message;
    metric::Batch batch;
    const auto id = schemas_.intern({"m", {{"host", "new"}}, {{"v", metric::FieldType::kInteger}}}).value();
    batch.add(id, 1, kStart + start * kSecond).set(0, std::int64_t{1});
    ASSERT_TRUE((*store)->write(batch));
    ASSERT_TRUE((*store)->close());
    store->reset();
    EXPECT_TRUE(check_file(target_ + "/resmon.db").value().sound());
  }
  EXPECT_EQ(check(target_)->samples, 2002U);
}

// A file that cannot be opened is set aside, and another is made.
TEST_F(BackupTest, ADamagedStoreIsSetAside) {
  const std::string path = options_.directory + "/resmon.db";
  const std::string whole = bytes_of(path);
  const auto zeroed = [&](std::size_t from, std::size_t count) {
    std::string bytes = whole;
    std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(from), std::min(count, bytes.size() - from), '\0');
    return bytes;
  };
  const std::vector<std::string> damaged = {
      whole.substr(0, whole.size() / 2), whole.substr(0, 1024), whole.substr(0, 99), zeroed(0, 4096), zeroed(0, 100),
      zeroed(30, whole.size()),          zeroed(100, 3000),     zeroed(1024, 8192)};
  int aside = 0;
  for (const std::string& bytes : damaged) {
    SCOPED_TRACE("number " + std::to_string(aside));
    std::filesystem::remove_all(options_.directory);
    std::filesystem::create_directory(options_.directory);
    put_bytes(path, bytes);
    metric::SchemaTable schemas;
    auto store = Store::open(options_, schemas);
    ASSERT_TRUE(store) << store.error().message;
    ++aside;
    std::vector<std::string> kept;
    for (const auto& entry : std::filesystem::directory_iterator(options_.directory))
      if (entry.path().filename().string().starts_with("resmon.db.damaged-")) kept.push_back(entry.path());
    // Of some damage the store's other pages say nothing; then it goes on with those.
    if (kept.empty()) {
      EXPECT_GT((*store)->stats().groups, 0U);
      continue;
    }
    ASSERT_EQ(kept.size(), 1U);
    EXPECT_EQ(bytes_of(kept[0]), bytes);
    EXPECT_EQ((*store)->stats().groups, 0U);
    const auto id = schemas.intern({"m", {}, {{"v", metric::FieldType::kInteger}}}).value();
    metric::Batch batch;
    batch.add(id, 1, kStart).set(0, std::int64_t{1});
    ASSERT_TRUE((*store)->write(batch));
    ASSERT_TRUE((*store)->close());
  }
  // Somebody else's is left alone.
  std::filesystem::remove_all(options_.directory);
  std::filesystem::create_directory(options_.directory);
  std::string other = whole;
  other[68] = other[69] = other[70] = other[71] = 5;
  put_bytes(path, other);
  EXPECT_EQ(Store::open(options_, schemas_).error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(bytes_of(path), other);
}

TEST_F(BackupTest, OfDamagedFilesTwoStay) {
  const std::string path = options_.directory + "/resmon.db";
  for (int i = 0; i < 5; ++i) {
    put_bytes(path, "nothing that is a database, number " + std::to_string(i) + std::string(2000, '.'));
    metric::SchemaTable schemas;
    ASSERT_TRUE(Store::open(options_, schemas));
  }
  int kept = 0;
  for (const auto& entry : std::filesystem::directory_iterator(options_.directory))
    kept += entry.path().filename().string().starts_with("resmon.db.damaged-");
  EXPECT_EQ(kept, 2);
}

}  // namespace
}  // namespace resmon::store
