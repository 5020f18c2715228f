#include "ingest/log.h"

#include <gtest/gtest.h>

#include <thread>

namespace resmon::ingest {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

std::shared_ptr<const metric::Batch> batch_of(std::size_t samples) {
  auto batch = std::make_shared<metric::Batch>();
  auto row = batch->add(0, samples, 1);
  for (std::size_t i = 0; i < samples; ++i) row.set(i, static_cast<std::int64_t>(i));
  return batch;
}

TEST(LogTest, EachReaderSeesAllInOrder) {
  Log log(1U << 20U);
  LogReader& a = log.add_reader(LogReader::Loss::kNever);
  LogReader& b = log.add_reader(LogReader::Loss::kOldest);
  for (std::uint64_t i = 1; i <= 3; ++i) EXPECT_EQ(log.append(batch_of(i), static_cast<UnixNanos>(i * 10)).value(), i);
  for (LogReader* reader : {&a, &b}) {
    EXPECT_EQ(reader->oldest_received(), 10);
    for (std::uint64_t i = 1; i <= 3; ++i) {
      const auto entry = reader->try_next();
      ASSERT_TRUE(entry);
      EXPECT_EQ(entry->position, i);
      EXPECT_EQ(entry->batch->samples(), i);
    }
    EXPECT_FALSE(reader->try_next());
    EXPECT_EQ(reader->backlog_entries(), 3U);
    reader->commit(2);
    EXPECT_EQ(reader->backlog_entries(), 1U);
    reader->commit(99);  // never read: only what was
    EXPECT_EQ(reader->backlog_entries(), 0U);
    EXPECT_FALSE(reader->oldest_received());
  }
  EXPECT_EQ(log.bytes(), 0U);
}

TEST(LogTest, AReaderSeesWhatComesAfterItWasAdded) {
  Log log(1U << 20U);
  LogReader& first = log.add_reader(LogReader::Loss::kNever);
  ASSERT_TRUE(log.append(batch_of(1), 0).has_value());
  LogReader& second = log.add_reader(LogReader::Loss::kNever);
  ASSERT_TRUE(log.append(batch_of(2), 0).has_value());
  EXPECT_EQ(first.try_next()->position, 1U);
  EXPECT_EQ(second.try_next()->position, 2U);
}

TEST(LogTest, AReaderThatMustSeeAllRefusesTheNew) {
  const auto one = batch_of(100);
  Log log(one->memory_bytes() * 3);
  LogReader& store = log.add_reader(LogReader::Loss::kNever);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(log.append(one, 0).has_value());
  EXPECT_EQ(log.append(one, 0).error().kind, ErrorKind::kUnavailable);
  store.commit(store.try_next()->position);
  EXPECT_TRUE(log.append(one, 0).has_value());
  EXPECT_EQ(store.lost_samples(), 0U);
  EXPECT_FALSE(log.append(one, 0).has_value());
}

TEST(LogTest, AReaderThatMayLoseLosesItsOldestCounted) {
  const auto one = batch_of(100);
  Log log(one->memory_bytes() * 3);
  LogReader& store = log.add_reader(LogReader::Loss::kNever);
  LogReader& sink = log.add_reader(LogReader::Loss::kOldest);
  for (std::uint64_t i = 1; i <= 5; ++i) {
    ASSERT_TRUE(log.append(one, 0).has_value());
    store.commit(store.try_next()->position);
  }
  EXPECT_EQ(sink.lost_samples(), 200U);
  EXPECT_EQ(sink.try_next()->position, 3U);
  EXPECT_EQ(store.lost_samples(), 0U);
  EXPECT_LE(log.bytes(), one->memory_bytes() * 3);
}

TEST(LogTest, ABatchLargerThanTheLogIsTakenAlone) {
  Log log(16);
  LogReader& reader = log.add_reader(LogReader::Loss::kNever);
  EXPECT_TRUE(log.append(batch_of(100), 0).has_value());
  EXPECT_FALSE(log.append(batch_of(100), 0).has_value());
  reader.commit(reader.try_next()->position);
  EXPECT_TRUE(log.append(batch_of(100), 0).has_value());
}

// A batch appended after the readers went would be acknowledged and then lost.
TEST(LogTest, NothingIsAppendedOnceStopped) {
  Log log(1U << 20U);
  LogReader& reader = log.add_reader(LogReader::Loss::kNever);
  ASSERT_TRUE(log.append(batch_of(1), 0).has_value());
  log.stop();
  EXPECT_EQ(log.append(batch_of(1), 0).error().kind, ErrorKind::kUnavailable);
  const auto late = steady_clock::now() + std::chrono::minutes(1);
  EXPECT_TRUE(reader.next(late));   // what is left
  EXPECT_FALSE(reader.next(late));  // and nothing, at once
  EXPECT_LT(steady_clock::now(), late - std::chrono::seconds(30));
}

TEST(LogTest, AWaitingReaderIsWoken) {
  Log log(1U << 20U);
  LogReader& reader = log.add_reader(LogReader::Loss::kNever);
  int woken = 0;
  log.add_reader(LogReader::Loss::kOldest).on_append([&woken] { ++woken; });
  EXPECT_FALSE(reader.next(steady_clock::now() + milliseconds(1)));
  std::jthread writer([&] { EXPECT_TRUE(log.append(batch_of(7), 0).has_value()); });
  const auto entry = reader.next(steady_clock::now() + std::chrono::seconds(30));
  writer.join();
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->batch->samples(), 7U);
  EXPECT_EQ(woken, 1);
}

}  // namespace
}  // namespace resmon::ingest
