// The journal on real files.

#include "journal/journal.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include "base/crc32c.h"
#include "journal/format.h"

namespace resmon::journal {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

class JournalTest : public ::testing::Test {
 protected:
  JournalTest() {
    std::string name = (fs::temp_directory_path() / "journal_test.XXXXXX").string();
    directory_ = ::mkdtemp(name.data());
    options_.directory = directory_ + "/j";
    options_.own_thread = false;
  }
  ~JournalTest() override {
    if (!mount_.empty()) ::umount(mount_.c_str());
    std::error_code ignored;
    fs::remove_all(directory_, ignored);
  }

  std::unique_ptr<Journal> open() {
    auto opened = Journal::open(options_);
    EXPECT_TRUE(opened) << opened.error().message;
    return opened ? std::move(opened).value() : nullptr;
  }
  static Reader& reader(Journal& journal, std::string name = "r", Loss loss = Loss::kNever) {
    ReaderOptions options;
    options.name = std::move(name);
    options.loss = loss;
    auto reader = journal.reader(options);
    EXPECT_TRUE(reader) << reader.error().message;
    return **reader;
  }
  static std::uint64_t append(Journal& journal, std::string_view record) {
    auto appended = journal.append(record);
    EXPECT_TRUE(appended) << appended.error().message;
    return appended ? appended->last : 0;
  }
  static std::vector<std::uint64_t> positions(Reader& reader) {
    std::vector<std::uint64_t> all;
    while (true) {
      const auto got = reader.read();
      EXPECT_TRUE(got);
      if (!got || got->empty()) return all;
      for (const Record& record : *got)
        if (!record.replayed) all.push_back(record.position);
    }
  }
  std::vector<std::string> segments() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(options_.directory))
      if (entry.path().extension() == ".seg") names.push_back(entry.path().string());
    std::sort(names.begin(), names.end());
    return names;
  }
  static std::uint64_t disk_usage(const std::string& path) {
    std::uint64_t bytes = 0;
    struct stat info {};
    std::error_code error;
    if (::stat(path.c_str(), &info) == 0) bytes += static_cast<std::uint64_t>(info.st_blocks) * 512;
    for (auto at = fs::directory_iterator(path, error); !error && at != fs::directory_iterator(); at.increment(error))
      if (::lstat(at->path().c_str(), &info) == 0) bytes += static_cast<std::uint64_t>(info.st_blocks) * 512;
    return bytes;
  }
  static void overwrite(const std::string& path, std::uint64_t offset, std::string_view bytes) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(offset));
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }

  std::string directory_;
  std::string mount_;
  Options options_;
};

TEST_F(JournalTest, ReadsWhatWasAppendedOnceItIsDurable) {
  const auto journal = open();
  Reader& r = reader(*journal);
  EXPECT_EQ(append(*journal, "one"), 1U);
  EXPECT_EQ(append(*journal, ""), 2U);
  EXPECT_THAT(positions(r), ::testing::IsEmpty());
  EXPECT_EQ(journal->durable_position(), 0U);
  ASSERT_TRUE(journal->commit());
  EXPECT_EQ(journal->durable_position(), 2U);
  const auto got = r.read();
  ASSERT_TRUE(got);
  ASSERT_EQ(got->size(), 2U);
  EXPECT_EQ((*got)[0].payload, "one");
  EXPECT_TRUE((*got)[0].starts_segment);
  EXPECT_EQ((*got)[1].payload, "");
  EXPECT_FALSE((*got)[1].starts_segment);
}

TEST_F(JournalTest, WhoAsksNeedNotWaitForTheInterval) {
  options_.own_thread = true;
  options_.sync_interval = std::chrono::hours(1);
  const auto journal = open();
  const auto within = [](std::chrono::milliseconds time) { return std::chrono::steady_clock::now() + time; };
  journal->sync_soon();  // nothing to do
  for (int i = 0; i < 3; ++i) {
    const std::uint64_t position = append(*journal, "one");
    EXPECT_FALSE(journal->wait_durable(position, within(std::chrono::milliseconds(20))));
    journal->sync_soon();
    EXPECT_TRUE(journal->wait_durable(position, within(std::chrono::seconds(20))));
  }
  EXPECT_EQ(journal->stats().syncs, 3U);
}

TEST_F(JournalTest, ReaderGoesOnBehindItsCursorAndIsReplayedTheSegment) {
  {
    const auto journal = open();
    Reader& r = reader(*journal);
    for (int i = 0; i < 10; ++i) append(*journal, "record " + std::to_string(i));
    ASSERT_TRUE(journal->commit());
    EXPECT_EQ(positions(r).size(), 10U);
    r.commit(4);
  }
  const auto journal = open();
  EXPECT_THAT(journal->findings(), ::testing::IsEmpty());
  Reader& r = reader(*journal);
  EXPECT_EQ(r.committed(), 4U);
  const auto got = r.read();
  ASSERT_TRUE(got);
  ASSERT_EQ(got->size(), 10U);
  for (const Record& record : *got) EXPECT_EQ(record.replayed, record.position <= 4);
  EXPECT_TRUE(got->front().starts_segment);
  EXPECT_EQ(append(*journal, "next"), 11U);
}

TEST_F(JournalTest, OneProcessAtATime) {
  const auto journal = open();
  const auto second = Journal::open(options_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::kUnavailable);
}

TEST_F(JournalTest, RefusesWhatCanNeverFit) {
  options_.limit_bytes = 1;
  EXPECT_EQ(Journal::open(options_).error().kind, ErrorKind::kInvalid);
  options_.limit_bytes = 256U << 10U;
  const auto journal = open();
  EXPECT_EQ(journal->append(std::string(journal->max_record_bytes() + 1, 'x')).error().kind, ErrorKind::kLimit);
  EXPECT_TRUE(journal->append(std::string(journal->max_record_bytes(), 'x')));
  EXPECT_TRUE(journal->commit());
}

TEST_F(JournalTest, DamagedPayloadCostsItsRecord) {
  {
    const auto journal = open();
    for (int i = 0; i < 100; ++i) append(*journal, std::string(100, static_cast<char>('a' + i % 26)));
    ASSERT_TRUE(journal->commit());
  }
  overwrite(segments().at(0), kSegmentHeaderBytes + 10 * 116 + 50, "damage");
  options_.cache_bytes = 0;
  const auto journal = open();
  Reader& r = reader(*journal);
  const auto got = positions(r);
  EXPECT_EQ(got.size(), 99U);
  EXPECT_EQ(got.at(10), 12U);
  EXPECT_EQ(r.stats().damaged_records, 1U);
  EXPECT_EQ(journal->stats().damaged_records, 1U);
  // A second reader's loss is its own; the journal's is counted once.
  Reader& other = reader(*journal, "other");
  EXPECT_EQ(positions(other).size(), 99U);
  EXPECT_EQ(other.stats().damaged_records, 1U);
  EXPECT_EQ(journal->stats().damaged_records, 1U);
}

TEST_F(JournalTest, DamagedHeadersAreSearchedPast) {
  {
    const auto journal = open();
    for (int i = 0; i < 100; ++i) append(*journal, std::string(100, 'x'));
    ASSERT_TRUE(journal->commit());
  }
  const std::string noise(3 * 116, '\x5a');
  overwrite(segments().at(0), kSegmentHeaderBytes + 20 * 116 + 3, noise);
  const auto journal = open();
  Reader& r = reader(*journal);
  EXPECT_EQ(positions(r).size(), 96U);
  EXPECT_EQ(r.stats().damaged_records, 4U);
}

TEST_F(JournalTest, AnotherJournalsRecordInsideAPayloadIsNotBelieved) {
  // A record of a journal with another number, then this journal's own, stored as payload of a record whose header is
  // damaged.
  std::string image;
  for (const std::uint32_t seed : {0U, 1U, 0xdeadbeefU}) {
    char head[kRecordHeaderBytes];
    encode_record_header(head, {0, 0, 3, 0}, seed);
    image.append(head, sizeof head);
  }
  {
    const auto journal = open();
    append(*journal, "first");
    append(*journal, image);
    append(*journal, "third");
    ASSERT_TRUE(journal->commit());
  }
  overwrite(segments().at(0), kSegmentHeaderBytes + kRecordHeaderBytes + 5, "xxxx");
  const auto journal = open();
  Reader& r = reader(*journal);
  EXPECT_THAT(positions(r), ::testing::ElementsAre(1, 3));
}

TEST_F(JournalTest, TornEndIsCutAndCounted) {
  {
    const auto journal = open();
    for (int i = 0; i < 5; ++i) append(*journal, "durable");
    ASSERT_TRUE(journal->commit());
  }
  const std::string file = segments().at(0);
  std::ofstream(file, std::ios::app | std::ios::binary) << "half a record that never was";
  const auto journal = open();
  EXPECT_EQ(journal->stats().recovered_records, 5U);
  EXPECT_EQ(journal->stats().torn_bytes, 28U);
  EXPECT_THAT(journal->findings(), ::testing::ElementsAre(::testing::HasSubstr("torn")));
  EXPECT_EQ(append(*journal, "next"), 6U);
}

TEST_F(JournalTest, SegmentWithoutHeaderIsStillRead) {
  options_.limit_bytes = 256U << 10U;
  options_.segment_bytes = 16U << 10U;
  {
    const auto journal = open();
    for (int i = 0; i < 600; ++i) append(*journal, std::string(100, 'x'));
    ASSERT_TRUE(journal->commit());
  }
  ASSERT_GE(segments().size(), 3U);
  overwrite(segments().at(1), 0, std::string(kSegmentHeaderBytes, '\xff'));
  const auto journal = open();
  Reader& r = reader(*journal);
  EXPECT_EQ(positions(r).size(), 600U);
  EXPECT_EQ(r.stats().damaged_records, 0U);
  EXPECT_THAT(journal->findings(), ::testing::Contains(::testing::HasSubstr("without it")));
}

TEST_F(JournalTest, StrangersAreSetAsideOrLeftAlone) {
  {
    const auto journal = open();
    append(*journal, "mine");
    ASSERT_TRUE(journal->commit());
  }
  std::ofstream(options_.directory + "/00000000000000000900.seg")
      << "not a segment at all, but it has the name of one ......";
  std::ofstream(options_.directory + "/notes.txt") << "hello";
  const auto journal = open();
  EXPECT_EQ(journal->stats().files_set_aside, 1U);
  EXPECT_TRUE(fs::exists(options_.directory + "/notes.txt"));
  EXPECT_TRUE(fs::exists(options_.directory + "/00000000000000000900.seg.aside"));
  EXPECT_EQ(append(*journal, "next"), 2U);
  ASSERT_TRUE(journal->commit());
  EXPECT_THAT(positions(reader(*journal)), ::testing::ElementsAre(1, 2));
}

TEST_F(JournalTest, LaterFormatIsSetAsideNotRead) {
  {
    const auto journal = open();
    append(*journal, "mine");
    ASSERT_TRUE(journal->commit());
  }
  std::string header(kSegmentHeaderBytes, '\0');
  std::ifstream(segments().at(0), std::ios::binary).read(header.data(), static_cast<std::streamsize>(header.size()));
  header[8] = 2;
  const std::uint32_t crc = crc32c(std::string_view(header).substr(0, kSegmentHeaderBytes - 4));
  std::memcpy(header.data() + kSegmentHeaderBytes - 4, &crc, sizeof crc);
  overwrite(segments().at(0), 0, header);
  const auto journal = open();
  EXPECT_EQ(journal->stats().files_set_aside, 1U);
  EXPECT_THAT(journal->findings(), ::testing::Contains(::testing::HasSubstr("format 2")));
  EXPECT_THAT(positions(reader(*journal)), ::testing::IsEmpty());
}

TEST_F(JournalTest, LostCursorsFallBackToTheOldestAndSaySo) {
  {
    const auto journal = open();
    Reader& r = reader(*journal);
    for (int i = 0; i < 5; ++i) append(*journal, "x");
    ASSERT_TRUE(journal->commit());
    positions(r);
    r.commit(5);
  }
  fs::remove(options_.directory + "/cursors");
  const auto journal = open();
  EXPECT_THAT(journal->findings(), ::testing::ElementsAre(::testing::HasSubstr("cursors were lost")));
  EXPECT_EQ(positions(reader(*journal)).size(), 5U);
}

TEST_F(JournalTest, MissingSegmentsAreCountedOnceAlsoForAReaderThatIsAway) {
  options_.segment_bytes = 64U << 10U;
  {
    const auto journal = open();
    reader(*journal, "away");
    for (int i = 0; i < 100; ++i) append(*journal, std::string(4000, 'x'));
    ASSERT_TRUE(journal->commit());
  }
  const auto names = segments();
  ASSERT_GT(names.size(), 3U);
  fs::remove(names[0]);
  fs::remove(names[1]);
  std::vector<std::uint64_t> damaged;
  for (int opened = 0; opened < 3; ++opened) {
    const auto journal = open();
    for (const ReaderStats& stats : journal->readers())
      if (stats.name == "away") damaged.push_back(stats.damaged_records);
  }
  ASSERT_EQ(damaged.size(), 3U);
  EXPECT_GT(damaged[0], 0U);
  EXPECT_EQ(damaged[1], damaged[0]);
  EXPECT_EQ(damaged[2], damaged[0]);
  const auto journal = open();
  Reader& away = reader(*journal, "away");
  EXPECT_EQ(positions(away).size() + damaged[0], 100U);
  EXPECT_EQ(away.stats().damaged_records, damaged[0]);
}

TEST_F(JournalTest, OneBadCursorSlotLeavesTheOther) {
  {
    const auto journal = open();
    Reader& r = reader(*journal);
    for (int i = 0; i < 5; ++i) append(*journal, "x");
    ASSERT_TRUE(journal->commit());
    positions(r);
    r.commit(3);
    ASSERT_TRUE(journal->commit());
    r.commit(5);
    ASSERT_TRUE(journal->commit());
  }
  const auto journal_bytes = fs::file_size(options_.directory + "/cursors");
  EXPECT_EQ(journal_bytes, kCursorFileBytes);
  overwrite(options_.directory + "/cursors", 30, "garbage");
  const auto journal = open();
  EXPECT_GE(reader(*journal).committed(), 3U);
}

TEST_F(JournalTest, FullWithAReaderThatMustNotLoseRefuses) {
  options_.limit_bytes = 256U << 10U;
  const auto journal = open();
  Reader& keeper = reader(*journal, "keeper");
  Reader& loser = reader(*journal, "loser", Loss::kOldest);
  std::uint64_t appended = 0;
  while (true) {
    const auto result = journal->append(std::string(1000, 'x'));
    if (!result) {
      EXPECT_EQ(result.error().kind, ErrorKind::kUnavailable);
      break;
    }
    appended = result->last;
    ASSERT_TRUE(journal->commit());
    ASSERT_LE(disk_usage(options_.directory), options_.limit_bytes);
    ASSERT_LT(appended, 1000U);
  }
  EXPECT_GT(appended, 100U);
  EXPECT_EQ(loser.stats().dropped_records, 0U);
  EXPECT_EQ(positions(keeper).size(), appended);
  keeper.commit(appended);
  EXPECT_TRUE(journal->append(std::string(1000, 'x')));
  // Now the other one's oldest went, whole segments, and it knows how many.
  ASSERT_TRUE(journal->commit());
  const auto dropped = loser.stats().dropped_records;
  EXPECT_GT(dropped, 0U);
  EXPECT_EQ(positions(loser).size() + dropped, appended + 1);
}

TEST_F(JournalTest, KeepWithinLetsGoOnlyWhatMayBeLost) {
  options_.limit_bytes = 1U << 20U;
  options_.segment_bytes = 64U << 10U;
  const auto journal = open();
  Reader& keeper = reader(*journal, "keeper");
  Reader& loser = reader(*journal, "loser", Loss::kOldest);
  std::uint64_t appended = 0;
  for (int i = 0; i < 500; ++i) appended = append(*journal, std::string(1000, 'x'));
  ASSERT_TRUE(journal->commit());
  EXPECT_EQ(journal->keep_within(0), 0U);
  EXPECT_EQ(positions(keeper).size(), appended);
  keeper.commit(appended);
  const std::uint64_t before = disk_usage(options_.directory);
  const std::uint64_t half = before / 2;
  const std::uint64_t lost = journal->keep_within(half);
  EXPECT_GT(lost, appended / 4);
  EXPECT_LT(lost, appended);
  ASSERT_TRUE(journal->commit());
  EXPECT_LE(disk_usage(options_.directory), half);
  EXPECT_EQ(loser.stats().dropped_records, lost);
  EXPECT_EQ(journal->keep_within(half), 0U);
  EXPECT_EQ(positions(loser).size() + lost, appended);
  // The newest segment stays, whatever is asked.
  (void)journal->keep_within(0);
  EXPECT_GE(journal->stats().segments, 1U);
  EXPECT_EQ(append(*journal, "more"), appended + 1);
}

TEST_F(JournalTest, BoundHoldsAndDropsAreCountedWithoutReaders) {
  options_.limit_bytes = 512U << 10U;
  const auto journal = open();
  for (int i = 0; i < 3000; ++i) {
    append(*journal, std::string(static_cast<std::size_t>(i % 4000), 'x'));
    if (i % 7 == 0) {
      ASSERT_TRUE(journal->commit());
      ASSERT_LE(disk_usage(options_.directory), options_.limit_bytes);
    }
  }
  ASSERT_TRUE(journal->commit());
  const Stats stats = journal->stats();
  EXPECT_GT(stats.dropped_records, 0U);
  EXPECT_EQ(stats.first_position, stats.dropped_records + 1);
  EXPECT_LE(stats.disk_bytes, options_.limit_bytes);
}

TEST_F(JournalTest, ForgottenReaderHoldsNothingBack) {
  options_.limit_bytes = 256U << 10U;
  {
    const auto journal = open();
    reader(*journal, "gone");
    while (journal->append(std::string(1000, 'x'))) ASSERT_TRUE(journal->commit());
  }
  const auto journal = open();
  EXPECT_FALSE(journal->append(std::string(1000, 'x')));
  ASSERT_EQ(journal->readers().size(), 1U);
  EXPECT_FALSE(journal->readers()[0].attached);
  EXPECT_TRUE(journal->forget_reader("gone"));
  EXPECT_TRUE(journal->append(std::string(1000, 'x')));
}

TEST_F(JournalTest, BatchIsAllOrNothing) {
  options_.limit_bytes = 256U << 10U;
  const auto journal = open();
  reader(*journal);
  const std::string record(2000, 'x');
  const std::vector<std::string_view> batch(30, record);
  while (journal->append(batch)) ASSERT_TRUE(journal->commit());
  EXPECT_EQ(journal->stats().last_position % 30, 0U);
  EXPECT_EQ(journal->stats().refused_records, 30U);
}

// ENOSPC of a real file system; root only.
// The reader keeps all, so the limit leaves room for one more segment. A batch that needs one must not ask for more.
TEST_F(JournalTest, ABatchOfSmallRecordsThatCrossesASegmentTakesTheLastFreeOne) {
  options_.limit_bytes = 256U << 10U;
  const auto fill = [](Journal& journal) {
    const std::string whole(journal.max_record_bytes(), 'x');
    std::size_t segments = 0;
    while (journal.append(whole)) {
      ++segments;
      EXPECT_TRUE(journal.commit());
    }
    return segments;
  };
  std::size_t fitting = 0;
  {
    const auto journal = open();
    reader(*journal);
    fitting = fill(*journal);
  }
  ASSERT_GE(fitting, 2U);
  options_.directory += ".other";
  const auto journal = open();
  reader(*journal);
  const std::string whole(journal->max_record_bytes(), 'x');
  for (std::size_t i = 1; i < fitting; ++i) {
    append(*journal, whole);
    ASSERT_TRUE(journal->commit());
  }

  const std::vector<std::string_view> batch(100, "a small record");
  const auto appended = journal->append(batch);
  ASSERT_TRUE(appended) << appended.error().message;
  ASSERT_TRUE(journal->commit());
  EXPECT_EQ(journal->durable_position(), fitting - 1 + batch.size());
  EXPECT_EQ(segments().size(), fitting);
  EXPECT_LE(disk_usage(options_.directory), options_.limit_bytes);
}

TEST_F(JournalTest, FullDiskRefusesAndRecoversByItself) {
  if (::geteuid() != 0) GTEST_SKIP() << "mounting a small tmpfs needs root";
  const std::string mount = directory_ + "/small";
  fs::create_directory(mount);
  if (::mount("tmpfs", mount.c_str(), "tmpfs", 0, "size=1m") != 0) GTEST_SKIP() << "cannot mount a tmpfs here";
  mount_ = mount;
  options_.directory = mount + "/j";
  options_.limit_bytes = 16U << 20U;
  options_.segment_bytes = 128U << 10U;
  options_.buffer_bytes = 256U << 10U;
  options_.sync_interval = 1ms;
  options_.retry_interval = 5ms;
  options_.own_thread = true;
  {
    const auto journal = open();
    Reader& r = reader(*journal);
    const std::string record(4000, 'x');
    std::uint64_t last = 0;
    while (true) {
      const auto appended = journal->append(record);
      if (!appended && !journal->stats().error.empty()) break;
      if (appended) last = appended->last;
      if (!appended) std::this_thread::sleep_for(1ms);
    }
    EXPECT_THAT(journal->stats().error, ::testing::HasSubstr("No space left"));
    EXPECT_LT(journal->durable_position(), last);
    // What is durable can be read while the disk is full, and reading makes room: nobody else needs to act.
    while (r.committed() < last) {
      const auto got = r.read(1U << 16U, std::chrono::steady_clock::now() + 5s);
      ASSERT_TRUE(got);
      ASSERT_FALSE(got->empty()) << journal->stats().error;
      ASSERT_EQ(got->front().position, r.committed() + 1);
      r.commit(got->back().position);
    }
    EXPECT_TRUE(journal->wait_durable(last, std::chrono::steady_clock::now() + 5s));
    EXPECT_TRUE(journal->append(record));
    EXPECT_EQ(r.stats().dropped_records + r.stats().damaged_records, 0U);
  }
}

// The child appends and writes to a pipe what it was told is durable; the parent kills it, opens the journal and looks.
TEST_F(JournalTest, KilledProcessLosesNothingThatWasAcknowledged) {
  std::mt19937 random(7);
  options_.limit_bytes = 1U << 30U;
  options_.segment_bytes = 256U << 10U;
  std::uint64_t acknowledged = 0;
  for (int round = 0; round < 12; ++round) {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      options_.own_thread = true;
      options_.sync = round % 2 == 0 ? Sync::kImmediate : Sync::kInterval;
      options_.sync_interval = 2ms;
      auto journal = Journal::open(options_);
      if (!journal) ::_exit(1);
      (*journal)->on_durable([&](std::uint64_t position) { (void)!::write(ends[1], &position, sizeof position); });
      for (std::uint64_t i = 0;; ++i) {
        const std::string record = std::to_string((*journal)->stats().last_position + 1) + std::string(i % 700, '.');
        if (!(*journal)->append(record)) std::this_thread::sleep_for(1ms);
      }
    }
    ::close(ends[1]);
    // A slow machine has nothing durable for a while. In every third round the kill may come before that.
    pollfd ready{.fd = ends[0], .events = POLLIN, .revents = 0};
    if (round % 3 != 2) {
      ASSERT_EQ(::poll(&ready, 1, 30'000), 1) << "nothing became durable";
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10 + random() % 60));
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));
    std::uint64_t position = 0;
    while (::read(ends[0], &position, sizeof position) == sizeof position)
      acknowledged = std::max(acknowledged, position);
    ::close(ends[0]);
    const auto journal = open();
    EXPECT_GE(journal->stats().last_position, acknowledged);
    ReaderOptions fresh;
    fresh.name = "check " + std::to_string(round);
    fresh.loss = Loss::kOldest;
    Reader& r = **journal->reader(fresh);
    std::uint64_t expected = 1;
    while (true) {
      const auto got = r.read();
      ASSERT_TRUE(got);
      if (got->empty()) break;
      for (const Record& record : *got) {
        ASSERT_EQ(record.position, expected++);
        ASSERT_EQ(record.payload.substr(0, record.payload.find('.')), std::to_string(record.position));
      }
    }
    EXPECT_GT(expected, acknowledged);
    EXPECT_EQ(r.stats().damaged_records, 0U);
  }
  EXPECT_GT(acknowledged, 0U);
}

TEST_F(JournalTest, ManyThreadsAppendAndReadAtOnce) {
  options_.own_thread = true;
  options_.limit_bytes = 8U << 20U;
  options_.segment_bytes = 256U << 10U;
  options_.buffer_bytes = 1U << 20U;
  options_.cache_bytes = 128U << 10U;
  options_.sync_interval = 2ms;
  options_.cursor_interval = 5ms;
  const auto journal = open();
  constexpr std::uint64_t kEach = 15000;
  std::atomic<std::uint64_t> highest{0};
  journal->on_durable([&](std::uint64_t position) { highest = position; });
  std::vector<std::thread> threads;
  std::vector<Reader*> readers;
  for (int i = 0; i < 3; ++i) {
    ReaderOptions options;
    options.name = "r" + std::to_string(i);
    options.see = i == 2 ? ReaderOptions::See::kAppended : ReaderOptions::See::kDurable;
    options.buffer_bytes = 8192;
    readers.push_back(*journal->reader(options));
  }
  for (Reader* const r : readers)
    threads.emplace_back([r] {
      const auto deadline = std::chrono::steady_clock::now() + 100s;
      for (std::uint64_t expected = 1; expected <= 2 * kEach;) {
        const auto got = r->read(20000, deadline);
        ASSERT_TRUE(got);
        ASSERT_FALSE(got->empty());
        for (const Record& record : *got) ASSERT_EQ(record.position, expected++);
        r->commit(expected - 1);
      }
    });
  for (int i = 0; i < 2; ++i)
    threads.emplace_back([&] {
      for (std::uint64_t n = 0; n < kEach;) {
        if (journal->append(std::string(n % 900, 'y')))
          ++n;
        else
          std::this_thread::sleep_for(200us);
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_TRUE(journal->wait_durable(2 * kEach, std::chrono::steady_clock::now() + 10s));
  EXPECT_TRUE(journal->close());
  EXPECT_EQ(highest, 2 * kEach);
  EXPECT_FALSE(journal->append("late"));
}

}  // namespace
}  // namespace resmon::journal
