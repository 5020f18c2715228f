// The log on a file system that crashes, fills and fails when it is told to.

#include "ingest/log.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

namespace resmon::ingest {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr wire::StreamId kStream{1, 2, 3};

class LogTest : public ::testing::Test {
 protected:
  LogTest() {
    char name[] = "/tmp/resmon-log-test-XXXXXX";
    directory_ = ::mkdtemp(name);
  }
  ~LogTest() override {
    log_.reset();
    std::filesystem::remove_all(directory_);
  }
  LogOptions options() const {
    LogOptions options;
    options.directory = directory_;
    options.limit_bytes = limit_;
    options.sync_interval = 2ms;
    return options;
  }
  // A new process: its numbers of schemas are others.
  void open() {
    log_.reset();
    schemas_ = std::make_unique<metric::SchemaTable>();
    ++processes_;
    for (int i = 0; i < processes_; ++i)
      ASSERT_TRUE(schemas_->intern({"other" + std::to_string(i), {}, {{"x", metric::FieldType::kInteger}}}));
    schema_ = schemas_->intern({"m", {{"host", "h"}}, {{"n", metric::FieldType::kInteger}}}).value();
    text_ = schemas_->intern({"t", {{"host", "h"}}, {{"s", metric::FieldType::kString}}}).value();
    auto opened = Log::open(options(), *schemas_);
    ASSERT_TRUE(opened) << opened.error().message;
    log_ = std::move(*opened);
  }
  // The process dies: nothing more is written. (Files as the kernel has them now.)
  void copy_as_killed() {
    const std::string copy = directory_ + ".copy";
    std::filesystem::copy(directory_, copy, std::filesystem::copy_options::recursive);
    log_.reset();
    std::filesystem::remove_all(directory_);
    std::filesystem::rename(copy, directory_);
  }
  metric::Batch batch_of(std::int64_t n) {
    metric::Batch batch;
    batch.add(schema_, 1, n).set(0, n);
    return batch;
  }
  metric::Batch large(std::int64_t n) {
    metric::Batch batch = batch_of(n);
    batch.add(text_, 1, n).set(0, std::string_view(std::string(60'000, 'x')));
    return batch;
  }
  void wait_durable(std::uint64_t position) {
    const auto until = steady_clock::now() + 30s;
    while (log_->durable_position() < position && steady_clock::now() < until) std::this_thread::sleep_for(1ms);
    ASSERT_GE(log_->durable_position(), position);
  }
  std::vector<std::int64_t> take(LogReader& reader) {
    std::vector<std::int64_t> found;
    while (const Entry* entry = reader.try_next())
      for (const metric::Row& row : entry->batch->rows())
        if ((*schemas_)[row.schema].measurement == "m")
          found.push_back(metric::as_integer(entry->batch->value(row, 0)));
    return found;
  }

  std::string directory_;
  std::uint64_t limit_ = 128U << 20U;
  int processes_ = 0;
  std::unique_ptr<metric::SchemaTable> schemas_;
  std::unique_ptr<Log> log_;
  metric::SchemaId schema_ = 0;
  metric::SchemaId text_ = 0;
};

TEST_F(LogTest, EachReaderSeesAllInOrderOnceItIsDurable) {
  open();
  LogReader* const a = log_->add_reader("a", LogReader::Loss::kNever).value();
  LogReader* const b = log_->add_reader("b", LogReader::Loss::kOldest).value();
  std::uint64_t last = 0;
  for (std::int64_t n = 1; n <= 5; ++n) last = log_->append(batch_of(n), n * 10)->position;
  wait_durable(last);
  for (LogReader* reader : {a, b}) {
    EXPECT_EQ(take(*reader), (std::vector<std::int64_t>{1, 2, 3, 4, 5}));
    EXPECT_EQ(reader->stats().backlog_entries, 5U);
    EXPECT_EQ(reader->stats().backlog_samples, 5U);
    EXPECT_EQ(reader->stats().oldest_received, 10);
    reader->commit(last - 1);
    EXPECT_EQ(reader->stats().backlog_samples, 1U);
    EXPECT_EQ(reader->stats().oldest_received, 50);
    reader->commit(last);
    EXPECT_EQ(reader->stats().backlog_entries, 0U);
    EXPECT_EQ(reader->stats().backlog_samples, 0U);
    EXPECT_FALSE(reader->stats().oldest_received);
  }
}

// Schemas come and go while a reader is far behind, and the process is another one afterwards.
TEST_F(LogTest, IdsThatAreGivenToOtherSchemasDoNotChangeRows) {
  open();
  LogReader* reader = log_->add_reader("late", LogReader::Loss::kNever).value();
  constexpr std::int64_t kRows = 400;
  std::uint64_t last = 0;
  for (std::int64_t n = 0; n < kRows; ++n) {
    metric::Batch batch;
    batch.pin(*schemas_);
    const auto id = schemas_->intern({"m", {{"pod", std::to_string(n)}}, {{"n", metric::FieldType::kInteger}}}).value();
    batch.add(id, 1, n).set(0, n);
    const auto appended = log_->append(batch, 0);
    ASSERT_TRUE(appended) << appended.error().message;
    last = appended->position;
    batch.clear();
    if (n % 100 != 99) continue;
    wait_durable(last);  // so that segments are shortened as they end
    for (int i = 0; i < 3; ++i) schemas_->sweep(1);
  }
  EXPECT_LT(schemas_->id_bound(), 150U);
  wait_durable(last);
  const auto read = [&] {
    std::int64_t next = 0;
    while (const Entry* entry = reader->try_next()) {
      for (const metric::Row& row : entry->batch->rows()) {
        EXPECT_EQ((*schemas_)[row.schema].tags[0].value, std::to_string(next));
        EXPECT_EQ(metric::as_integer(entry->batch->value(row, 0)), next);
        ++next;
      }
    }
    return next;
  };
  std::int64_t ahead = 0;
  log_->look_ahead(last - 10, [&](const metric::Batch& batch, UnixNanos) {
    EXPECT_EQ((*schemas_)[batch.rows()[0].schema].tags[0].value,
              std::to_string(metric::as_integer(batch.value(batch.rows()[0], 0))));
    ++ahead;
  });
  EXPECT_EQ(ahead, 10);
  EXPECT_EQ(read(), kRows);
  // An idle reader pins nothing.
  for (int i = 0; i < 100; ++i) schemas_->sweep(1);
  EXPECT_EQ(schemas_->size(), 0U);
  copy_as_killed();
  open();
  reader = log_->add_reader("late", LogReader::Loss::kNever).value();
  EXPECT_EQ(read(), kRows);
}

TEST_F(LogTest, WhatAStreamHasSentIsNotTakenAgain) {
  open();
  const auto stream = log_->stream(kStream);
  EXPECT_TRUE(log_->append(*stream, 1, 3, batch_of(1), 0)->taken);
  EXPECT_FALSE(log_->append(*stream, 1, 3, batch_of(1), 0)->taken);
  EXPECT_FALSE(log_->append(*stream, 3, 3, batch_of(1), 0)->taken);
  const auto jump = log_->append(*stream, 7, 7, batch_of(2), 0);
  EXPECT_TRUE(jump->taken);
  EXPECT_EQ(jump->missing, 3U);
  wait_durable(jump->position);
  EXPECT_EQ(log_->acknowledged(*stream), 7U);
  EXPECT_EQ(log_->acknowledged(*log_->stream({9})), 0U);
}

// What was acknowledged is there; what is there counts as seen; the two are the same.
TEST_F(LogTest, WhatAnotherServerAcknowledgedIsNotMissing) {
  open();
  const auto stream = log_->stream(kStream);
  ASSERT_TRUE(log_->append(*stream, 1, 5, batch_of(1), 1));
  log_->acknowledged_elsewhere(*stream, 20);
  EXPECT_EQ(log_->append(*stream, 21, 21, batch_of(2), 1)->missing, 0U);
  log_->acknowledged_elsewhere(*stream, 30);
  EXPECT_EQ(log_->append(*stream, 34, 34, batch_of(3), 1)->missing, 3U);  // 31 to 33: by nobody
}

TEST_F(LogTest, AKilledProcessLeavesWhatWasDurableAndItsNumbers) {
  open();
  std::uint64_t last = 0;
  {
    const auto stream = log_->stream(kStream);
    for (std::uint64_t n = 1; n <= 100; ++n)
      last = log_->append(*stream, n, n, batch_of(static_cast<std::int64_t>(n)), 0)->position;
  }
  wait_durable(last);
  copy_as_killed();
  open();
  LogReader* const reader = log_->add_reader("a", LogReader::Loss::kNever).value();
  const auto stream = log_->stream(kStream);
  EXPECT_EQ(log_->acknowledged(*stream), 100U);
  EXPECT_EQ(log_->samples(), 100U);
  EXPECT_FALSE(log_->append(*stream, 100, 100, batch_of(100), 0)->taken);
  wait_durable(log_->append(*stream, 101, 101, batch_of(101), 0)->position);
  const auto found = take(*reader);
  ASSERT_EQ(found.size(), 101U);
  EXPECT_EQ(found.back(), 101);
}

// The numbers must outlive the segments that they came in: many segments later, when all is committed.
TEST_F(LogTest, NumbersOutliveTheirSegments) {
  limit_ = 1U << 20U;
  open();
  LogReader* reader = log_->add_reader("a", LogReader::Loss::kNever).value();
  {
    const auto quiet = log_->stream(kStream);
    wait_durable(log_->append(*quiet, 1, 42, batch_of(0), 0)->position);
    const auto busy = log_->stream({7});
    for (std::uint64_t n = 1; n <= 100; ++n) {
      const auto appended = log_->append(*busy, n, n, large(static_cast<std::int64_t>(n)), 0);
      ASSERT_TRUE(appended) << appended.error().message;
      wait_durable(appended->position);
      take(*reader);
      reader->commit(appended->position);
    }
  }
  ASSERT_GT(log_->stats().first_position, 50U);
  for (int restart = 0; restart < 3; ++restart) {
    open();
    EXPECT_EQ(log_->acknowledged(*log_->stream(kStream)), 42U);
    EXPECT_EQ(log_->acknowledged(*log_->stream({7})), 100U);
  }
}

TEST_F(LogTest, AReaderThatMustSeeAllMakesAppendRefuse) {
  limit_ = 1U << 20U;
  open();
  LogReader* const store = log_->add_reader("store", LogReader::Loss::kNever).value();
  std::int64_t taken = 0;
  Result<Log::Appended> last = Log::Appended();
  while (taken < 1000 && (last = log_->append(large(taken), 0))) {
    wait_durable(last->position);
    ++taken;
  }
  ASSERT_FALSE(last);
  EXPECT_EQ(last.error().kind, ErrorKind::kUnavailable);
  EXPECT_FALSE(log_->check().empty());
  EXPECT_LE(log_->stats().disk_bytes, limit_);
  const auto found = take(*store);
  EXPECT_EQ(static_cast<std::int64_t>(found.size()), taken);
  store->commit(log_->durable_position());
  EXPECT_EQ(store->stats().lost_samples, 0U);
  ASSERT_TRUE(log_->append(large(taken), 0));
  EXPECT_TRUE(log_->check().empty());
}

// Sinks count in samples what they lost, exactly, whatever they had read of it, and also after a restart.
TEST_F(LogTest, AReaderThatMayLoseCountsExactly) {
  limit_ = 1U << 20U;
  open();
  LogReader* store = log_->add_reader("store", LogReader::Loss::kNever).value();
  LogReader* sink = log_->add_reader("sink.a", LogReader::Loss::kOldest).value();
  std::set<std::int64_t> delivered;
  std::int64_t n = 0;
  const auto append = [&](int count) {
    for (int i = 0; i < count; ++i, ++n) {
      const auto appended = log_->append(large(n), 0);
      ASSERT_TRUE(appended) << appended.error().message;
      wait_durable(appended->position);
      take(*store);
      store->commit(appended->position);
    }
  };
  const auto deliver = [&](int entries) {
    for (int i = 0; i < entries; ++i) {
      const Entry* entry = sink->try_next();
      if (entry == nullptr) return;
      delivered.insert(metric::as_integer(entry->batch->value(entry->batch->rows()[0], 0)));
      sink->commit(entry->position);
    }
  };
  append(5);
  deliver(2);
  ASSERT_NE(sink->try_next(), nullptr);  // has it, and does not commit it
  append(60);
  EXPECT_GT(sink->stats().lost_samples, 20U);
  EXPECT_EQ(sink->stats().lost_samples + sink->stats().backlog_samples + 2 * delivered.size(), 2U * 65);
  open();  // what it had in its hands is lost with the process, and counted
  store = log_->add_reader("store", LogReader::Loss::kNever).value();
  sink = log_->add_reader("sink.a", LogReader::Loss::kOldest).value();
  append(40);  // drops segments of the process before, which only their first records describe
  deliver(1000);
  EXPECT_EQ(sink->stats().lost_samples, 2U * (static_cast<std::uint64_t>(n) - delivered.size()));
  EXPECT_EQ(sink->stats().backlog_samples, 0U);
  EXPECT_EQ(store->stats().lost_samples, 0U);
}

TEST_F(LogTest, ForgottenReadersHoldNothing) {
  open();
  ASSERT_TRUE(log_->add_reader("sink.gone", LogReader::Loss::kOldest));
  wait_durable(log_->append(batch_of(1), 0)->position);
  open();
  ASSERT_TRUE(log_->add_reader("sink.here", LogReader::Loss::kOldest));
  ASSERT_TRUE(log_->add_reader("store", LogReader::Loss::kNever));
  const auto gone = log_->forget_others("sink.");
  ASSERT_EQ(gone.size(), 1U);
  EXPECT_EQ(gone[0].name, "sink.gone");
  EXPECT_EQ(gone[0].backlog_records, 1U);
  EXPECT_TRUE(log_->forget_others("sink.").empty());
}

TEST_F(LogTest, ADamagedRecordCostsItselfAlone) {
  open();
  {
    const auto stream = log_->stream(kStream);
    for (std::uint64_t n = 1; n <= 50; ++n)
      wait_durable(log_->append(*stream, n, n, large(static_cast<std::int64_t>(n)), 0)->position);
  }
  log_.reset();
  for (const auto& file : std::filesystem::directory_iterator(directory_)) {
    if (file.path().extension() != ".seg") continue;
    std::fstream bytes(file.path(), std::ios::in | std::ios::out | std::ios::binary);
    bytes.seekp(20 * 60'000);
    bytes.write("damage", 6);
  }
  open();
  LogReader* const reader = log_->add_reader("a", LogReader::Loss::kNever).value();
  EXPECT_EQ(take(*reader).size(), 49U);
  EXPECT_EQ(reader->stats().damaged_entries, 1U);
  EXPECT_EQ(log_->acknowledged(*log_->stream(kStream)), 50U);
}

TEST_F(LogTest, WhatIsBeyondAMarkIsShownAndWhatIsBeforeIsNot) {
  open();
  std::uint64_t last = 0;
  std::vector<std::uint64_t> positions;
  for (std::int64_t n = 1; n <= 4; ++n) positions.push_back(last = log_->append(batch_of(n), 0)->position);
  wait_durable(last);
  LogReader* const reader = log_->add_reader("store", LogReader::Loss::kNever).value();
  reader->start_after({positions[1], 2, 0});
  EXPECT_EQ(take(*reader), (std::vector<std::int64_t>{3, 4}));
  EXPECT_EQ(reader->stats().committed, positions[1]);
  EXPECT_TRUE(reader->take_missing().empty());
}

// What the store made durable can be lost by damage to its files: the journal still has it.
TEST_F(LogTest, AReaderGoesBackBehindWhatItCommitted) {
  open();
  LogReader* reader = log_->add_reader("store", LogReader::Loss::kNever).value();
  std::uint64_t last = 0;
  for (std::int64_t n = 1; n <= 4; ++n) last = log_->append(batch_of(n), n)->position;
  wait_durable(last);
  EXPECT_EQ(take(*reader).size(), 4U);
  reader->commit(last);
  ASSERT_TRUE(log_->close());
  open();
  reader = log_->add_reader("store", LogReader::Loss::kNever).value();
  reader->start_after({1, 1, 1});
  EXPECT_EQ(take(*reader), (std::vector<std::int64_t>{2, 3, 4}));
  EXPECT_TRUE(reader->take_missing().empty());
}

// The store commits minutes after it read. It does so for many records at once, and exactly for all in the end.
TEST_F(LogTest, WhatWasDeliveredComesAgainUntilItIsCommitted) {
  open();
  for (int n = 1; n <= 6; ++n) ASSERT_TRUE(log_->append(batch_of(n), 100 + n));
  wait_durable(6);
  {
    LogReader& reader = *log_->add_reader("sink.a", LogReader::Loss::kOldest).value();
    EXPECT_EQ(take(reader).size(), 6U);
    reader.delivered(5);
    EXPECT_EQ(reader.stats().backlog_samples, 1U);
    EXPECT_EQ(reader.stats().backlog_entries, 1U);
    EXPECT_EQ(reader.stats().oldest_received, 106);
    reader.commit(2);
    reader.rewind();
    EXPECT_EQ(take(reader), (std::vector<std::int64_t>{3, 4, 5, 6}));
    EXPECT_EQ(reader.stats().backlog_samples, 1U);
    reader.delivered(6);
    EXPECT_EQ(reader.stats().backlog_samples, 0U);
    EXPECT_FALSE(reader.stats().oldest_received);
  }
  ASSERT_TRUE(log_->close());
  open();
  LogReader& reader = *log_->add_reader("sink.a", LogReader::Loss::kOldest).value();
  EXPECT_EQ(take(reader), (std::vector<std::int64_t>{3, 4, 5, 6}));
}

TEST_F(LogTest, WhatWasDeliveredIsNotLostToTheBound) {
  limit_ = 1U << 20U;
  open();
  LogReader& reader = *log_->add_reader("sink.a", LogReader::Loss::kOldest).value();
  for (int n = 0; n < 60; ++n) {
    const auto appended = log_->append(large(n), 1);
    ASSERT_TRUE(appended);
    wait_durable(appended->position);
    EXPECT_EQ(take(reader).size(), 1U);
    reader.delivered(appended->position);
  }
  EXPECT_LE(log_->stats().disk_bytes, limit_);
  EXPECT_EQ(reader.stats().lost_samples, 0U);
  EXPECT_EQ(reader.stats().backlog_samples, 0U);
  reader.rewind();
  EXPECT_LT(take(reader).size(), 60U);
  EXPECT_EQ(reader.stats().lost_samples, 0U);
}

TEST_F(LogTest, AReaderThatCommitsLateCommitsAll) {
  open();
  LogReader* const reader = log_->add_reader("store", LogReader::Loss::kNever).value();
  constexpr std::int64_t kRecords = 20'000;
  std::uint64_t last = 0;
  for (std::int64_t n = 1; n <= kRecords; ++n) last = log_->append(batch_of(n), n).value().position;
  wait_durable(last);
  std::int64_t read = 0;
  while (reader->next(steady_clock::now() + 10s) != nullptr)
    if (++read == kRecords) break;
  ASSERT_EQ(read, kRecords);
  EXPECT_EQ(reader->stats().backlog_samples, static_cast<std::uint64_t>(kRecords));
  reader->commit(last / 2);
  EXPECT_GT(reader->stats().committed, last / 4);
  EXPECT_LE(reader->stats().committed, last / 2);
  reader->commit(last);
  EXPECT_EQ(reader->stats().committed, last);
  EXPECT_EQ(reader->stats().backlog_samples, 0U);
}

TEST_F(LogTest, CommittedEntriesStayWhileTheyAreHeld) {
  limit_ = 2U << 20U;
  open();
  LogReader* const reader = log_->add_reader("store", LogReader::Loss::kNever).value();
  std::uint64_t last = 0;
  for (std::int64_t n = 1; log_->stats().segments < 4; ++n) {
    const auto appended = log_->append(large(n), 0);
    ASSERT_TRUE(appended);
    wait_durable(last = appended->position);
  }
  while (take(*reader).empty() || reader->progress().position < last) {
  }
  reader->hold_after(1);
  reader->commit(last);
  EXPECT_EQ(log_->stats().first_position, 1U);
  reader->hold_after(last);
  EXPECT_GT(log_->stats().first_position, 1U);
}

// Of three segments one is lost; what is missing is known exactly, of the last one by what was noted beside it.
TEST_F(LogTest, WhatIsMissingIsCountedInSamplesAndTime) {
  limit_ = 2U << 20U;
  std::int64_t n = 0;
  std::uint64_t last = 0;
  open();
  while (log_->stats().segments < 3) {
    ++n;
    const auto appended = log_->append(large(n), n * 10);
    ASSERT_TRUE(appended);
    wait_durable(last = appended->position);
  }
  copy_as_killed();
  std::vector<std::filesystem::path> files;
  for (const auto& file : std::filesystem::directory_iterator(directory_))
    if (file.path().extension() == ".seg") files.push_back(file.path());
  std::sort(files.begin(), files.end());
  ASSERT_EQ(files.size(), 3U);
  const std::string kept = directory_ + ".kept";
  std::filesystem::copy(directory_, kept, std::filesystem::copy_options::recursive);
  for (std::size_t lost = 0; lost < 3; ++lost)
    for (const bool emptied : {false, true}) {
      SCOPED_TRACE(files[lost].string() + (emptied ? " emptied" : " removed"));
      log_.reset();
      std::filesystem::remove_all(directory_);
      std::filesystem::copy(kept, directory_, std::filesystem::copy_options::recursive);
      if (emptied)
        std::filesystem::resize_file(files[lost], 0);
      else
        std::filesystem::remove(files[lost]);
      open();
      LogReader* const reader = log_->add_reader("store", LogReader::Loss::kNever).value();
      reader->start_after({});
      const Missing end = reader->missing_end();
      std::uint64_t found = take(*reader).size() * 2;
      std::uint64_t missing = reader->missing_end().samples;
      for (const Missing& one : reader->take_missing()) missing += one.samples;
      EXPECT_EQ(found + missing, static_cast<std::uint64_t>(n) * 2);
      EXPECT_GT(missing, 0U);
      EXPECT_EQ(end.samples > 0, lost == 2);
      // The next entry passes the end: counted once.
      const auto appended = log_->append(batch_of(n), (n + 1) * 10);
      ASSERT_TRUE(appended);
      EXPECT_GT(appended->position, last);
      wait_durable(appended->position);
      found += take(*reader).size();
      missing = 0;
      for (const Missing& one : reader->take_missing()) {
        missing += one.samples;
        EXPECT_EQ(one.of_end, one.samples);
        EXPECT_EQ(one.to, (n + 1) * 10);
      }
      EXPECT_EQ(missing, end.samples);
      EXPECT_EQ(reader->missing_end().samples, 0U);
    }
  std::filesystem::remove_all(kept);
}

TEST_F(LogTest, NothingIsAppendedOnceStoppedAndReadersEnd) {
  open();
  LogReader* const reader = log_->add_reader("a", LogReader::Loss::kNever).value();
  ASSERT_TRUE(log_->append(batch_of(1), 0));
  log_->stop();
  EXPECT_EQ(log_->append(batch_of(2), 0).error().kind, ErrorKind::kUnavailable);
  const auto late = steady_clock::now() + 60s;
  EXPECT_NE(reader->next(late), nullptr);  // what is left
  EXPECT_EQ(reader->next(late), nullptr);  // and nothing, at once
  EXPECT_LT(steady_clock::now(), late - 30s);
}

TEST_F(LogTest, LooksAheadOfAReaderThatIsHeldUp) {
  open();
  std::uint64_t last = 0;
  for (std::int64_t n = 1; n <= 3; ++n) last = log_->append(batch_of(n), n)->position;
  wait_durable(last);
  std::vector<UnixNanos> seen;
  const auto show = [&](const metric::Batch&, UnixNanos received) { seen.push_back(received); };
  const std::uint64_t through = log_->look_ahead(last - 2, show);
  EXPECT_EQ(through, last);
  EXPECT_EQ(seen, (std::vector<UnixNanos>{2, 3}));
  EXPECT_EQ(log_->look_ahead(through, show), last);
  EXPECT_EQ(seen.size(), 2U);
}

}  // namespace
}  // namespace resmon::ingest
