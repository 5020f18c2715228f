#include "logs/store.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <set>

#include "base/file.h"
#include "logs/archive.h"
#include "logs/search.h"
#include "logs/test_support.h"

namespace resmon::logs {
namespace {

namespace fs = std::filesystem;
using Stream = logline::Taker::Stream;
constexpr UnixNanos kSecond = kTestSecond;

class StoreTest : public testing::Test {
 protected:
  void SetUp() override {
    options_.directory = folder_.path() + "/logs";
    options_.sync = journal::Sync::kImmediate;
    options_.level = 1;
    options_.clock = &clock_;
  }
  void TearDown() override { store_.reset(); }
  void open() {
    store_.reset();
    auto opened = Store::open(options_);
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = std::move(*opened);
  }
  // `count` lines "SOURCE line N of HOST", a second apart.
  void add(const std::string& host, const std::string& source, int count, UnixNanos from,
           logline::Level level = logline::Level::kInfo) {
    logline::Lines lines;
    lines.clear(source);
    for (int i = 0; i < count; ++i) {
      const std::string message = source + " line " + std::to_string(i) + " of " + host;
      logline::Line line;
      line.time = from + i * kSecond;
      line.level = level;
      line.unit = "unit";
      line.message = message;
      lines.add(line);
    }
    const auto position = store_->append(host, lines, clock_.now);
    ASSERT_TRUE(position) << position.error().message;
    wait_durable(*position);
  }
  void wait_durable(std::uint64_t position) {
    std::promise<void> durable;
    store_->when_durable(position, [&] { durable.set_value(); });
    ASSERT_EQ(durable.get_future().wait_for(std::chrono::seconds(30)), std::future_status::ready);
  }
  Found find(const std::string& query, std::size_t limit = 1'000'000, Direction direction = Direction::kNewestFirst) {
    SearchRequest request{*Query::parse(query), {}, direction, limit, {}, {}};
    auto found = search(*store_, request);
    EXPECT_TRUE(found);
    return found ? *found : Found{};
  }
  TestFolder folder_;
  Options options_;
  TestClock clock_;
  std::unique_ptr<Store> store_;
};

TEST_F(StoreTest, ARegexFindsWhatIsInAFieldOrAUnitOnly) {
  open();
  logline::Lines lines;
  lines.clear("app");
  const UnixNanos from = clock_.now - 3600 * kSecond;
  for (int i = 0; i < 300; ++i) {
    const std::string message = "request " + std::to_string(i) + " took " + std::to_string(i * 7) + " ms";
    const std::string value = "trace-" + std::to_string(i * 13);
    const std::vector<logline::Field> fields{{"trace", value}};
    logline::Line line;
    line.time = from + i * kSecond;
    line.unit = i % 100 == 7 ? "worker17" : "api";
    line.message = message;
    if (i % 2 == 0) line.fields = fields;
    lines.add(line);
  }
  const auto position = store_->append("web1", lines, clock_.now);
  ASSERT_TRUE(position) << position.error().message;
  wait_durable(*position);
  const std::vector<std::string> queries = {"/trace-1300/",         "/ce-26$/",   "/r17/",
                                            "/took 210[0-9]? ms/",  "/[a-z]-13/", "/e-2[0-9]$/",
                                            "/worker17|took 7 ms/", "-/took/",    "/^trace-0$/ OR /took 14 /",
                                            "/e-26/ request",       "/k.{3}r1/"};
  std::vector<std::size_t> in_head;
  for (const std::string& query : queries) in_head.push_back(find(query).lines.size());
  ASSERT_TRUE(store_->flush());
  for (std::size_t i = 0; i < queries.size(); ++i) {
    const Found found = find(queries[i]);
    EXPECT_EQ(found.lines.size(), in_head[i]) << queries[i];
    for (const FoundLine& line : found.lines) EXPECT_NE(line.message, "") << queries[i];
  }
  EXPECT_EQ(in_head[0], 1U);
  EXPECT_EQ(in_head[2], 3U);
}

// As export and `alerts test` read them, beside the store and without it.
TEST_F(StoreTest, AnotherProcessReadsBlocksAndTheJournalEachLineOnce) {
  open();
  const auto messages = [&](const std::string& host) {
    std::multiset<std::string> out;
    std::uint64_t in_journal = 0;
    const auto read =
        read_archive(options_.directory, [&](const std::string& of, const std::string&, const auto& line) {
          if (of == host) out.emplace(line.message);
          return Status();
        });
    EXPECT_TRUE(read);
    if (read) in_journal = read->journal_lines;
    EXPECT_EQ(read ? read->damaged : 1, 0U);
    return std::pair(out, in_journal);
  };
  const UnixNanos from = clock_.now - 3600 * kSecond;
  add("web1", "system", 20, from);
  EXPECT_EQ(messages("web1").first.size(), 20U);
  EXPECT_EQ(messages("web1").second, 20U);
  ASSERT_TRUE(store_->flush());
  EXPECT_EQ(messages("web1").first.size(), 20U) << "they are in both";
  EXPECT_EQ(messages("web1").second, 0U);
  // Of two days: one block for each.
  add("web1", "system", 5, clock_.now - kDayNanos);
  add("web1", "late", 5, from);
  EXPECT_EQ(messages("web1").first.size(), 30U);
  add("web2", "system", 7, from);
  ASSERT_TRUE(store_->forget("web1"));
  store_.reset();
  EXPECT_EQ(messages("web1").first.size(), 0U) << "what was forgotten is still in the journal";
  EXPECT_EQ(messages("web2").first.size(), 7U);
}

TEST_F(StoreTest, LinesAreFoundInMemoryInBlocksAndAfterARestart) {
  open();
  const UnixNanos from = clock_.now - 3600 * kSecond;
  add("web1", "system", 300, from);
  EXPECT_EQ(find("line").lines.size(), 300);
  ASSERT_TRUE(store_->flush());
  EXPECT_EQ(store_->stats().block_lines, 300);
  EXPECT_EQ(store_->stats().head_lines, 0);
  add("web2", "nginx", 50, from);
  EXPECT_EQ(find("line").lines.size(), 350);
  EXPECT_EQ(find("host:web2").lines.size(), 50);
  EXPECT_EQ(find("line 7").lines.size(), 2);
  open();
  EXPECT_EQ(find("line").lines.size(), 350);
  EXPECT_EQ(store_->stats().block_lines, 300);
  EXPECT_EQ(find("source:nginx \"line 49\"").lines.front().message, "nginx line 49 of web2");
}

TEST_F(StoreTest, AStartWithAJournalThatIsMoreThanHalfFullReadsItAll) {
  open();
  for (int i = 0; i < 10; ++i) {
    const auto lines = numbered_lines("s" + std::to_string(i % 3), 3000, clock_.now, i * 3000, 200);
    const auto position = store_->append("web1", *lines, clock_.now);
    ASSERT_TRUE(position) << position.error().message;
    wait_durable(*position);
  }
  options_.journal_limit_bytes = 8U << 20U;  // of which they take six, and one is read at a time
  open();
  EXPECT_EQ(find("").lines.size(), 30'000U);
}

TEST_F(StoreTest, PagesGoOnExactlyWhereTheLastOneEnded) {
  open();
  const UnixNanos from = clock_.now - 3600 * kSecond;
  // Three streams with the same times, in blocks and in memory.
  for (const char* host : {"a", "b", "c"}) {
    add(host, "s", 40, from);
    add(host, "s", 40, from);
  }
  ASSERT_TRUE(store_->flush());
  for (const char* host : {"a", "b", "c"}) add(host, "s", 40, from);
  for (const Direction direction : {Direction::kNewestFirst, Direction::kOldestFirst}) {
    const Found all = find("", 10'000, direction);
    ASSERT_EQ(all.lines.size(), 360);
    for (const std::size_t limit : {1U, 7U, 9U, 100U}) {
      SearchRequest request{*Query::parse(""), {}, direction, limit, {}, {}};
      std::vector<FoundLine> pages;
      do {
        const auto page = search(*store_, request);
        ASSERT_TRUE(page);
        ASSERT_TRUE(page->effort.partial.empty());
        for (const FoundLine& line : page->lines) pages.push_back(line);
        request.cursor = page->cursor;
        ASSERT_LE(pages.size(), 360);
      } while (!request.cursor.empty());
      ASSERT_EQ(pages.size(), 360) << limit;
      for (std::size_t i = 0; i < 360; ++i) {
        EXPECT_EQ(pages[i].time, all.lines[i].time);
        EXPECT_EQ(pages[i].host, all.lines[i].host);
      }
    }
  }
  EXPECT_FALSE(search(*store_, {*Query::parse(""), {}, Direction::kNewestFirst, 1, "no cursor", {}}));
}

TEST_F(StoreTest, APartialAnswerSaysSoAndItsCursorGoesOn) {
  open();
  const UnixNanos from = clock_.now - 36'000 * kSecond;
  for (int i = 0; i < 8; ++i) {
    add("h", "s", 5000, from + i * 3000 * kSecond);
    ASSERT_TRUE(store_->flush());
  }
  SearchRequest request{*Query::parse("line"), {}, Direction::kNewestFirst, 100'000, {}, {}};
  request.bounds.read_bytes = 1;  // one block at a time
  std::size_t lines = 0;
  int partial = 0;
  do {
    const auto page = search(*store_, request);
    ASSERT_TRUE(page);
    partial += page->effort.partial.empty() ? 0 : 1;
    EXPECT_EQ(page->effort.partial.empty(), page->cursor.empty());
    lines += page->lines.size();
    request.cursor = page->cursor;
    ASSERT_LT(partial, 100);
  } while (!request.cursor.empty());
  EXPECT_EQ(lines, 40'000);
  EXPECT_GT(partial, 2);
}

TEST_F(StoreTest, HistogramFacetsAndPatterns) {
  open();
  const UnixNanos from = (clock_.now / (600 * kSecond) - 12) * 600 * kSecond;
  add("web1", "system", 600, from, logline::Level::kError);
  add("web2", "system", 60, from + 600 * kSecond, logline::Level::kInfo);
  for (int round = 0; round < 2; ++round) {
    Scope scope;
    scope.start = from;
    scope.end = from + 1200 * kSecond;
    const Histogram counts = histogram(*store_, *Query::parse(""), scope, 600 * kSecond, {});
    ASSERT_EQ(counts.buckets.size(), 2);
    EXPECT_EQ(counts.buckets[0][static_cast<std::size_t>(logline::Level::kError)], 600);
    EXPECT_EQ(counts.buckets[1][static_cast<std::size_t>(logline::Level::kInfo)], 60);
    const Facets by = facets(*store_, *Query::parse("line"), scope, 10, {});
    EXPECT_EQ(by.lines, 660);
    ASSERT_EQ(by.facets[0].name, "host");
    EXPECT_EQ(by.facets[0].values, (std::vector<std::pair<std::string, std::uint64_t>>{{"web1", 600}, {"web2", 60}}));
    const Patterns found = patterns(*store_, *Query::parse(""), scope, 10, {});
    ASSERT_EQ(found.patterns.size(), 1);
    EXPECT_EQ(found.patterns[0].text, "system line <*> of <*>");
    EXPECT_EQ(found.patterns[0].lines, 660);
    ASSERT_TRUE(store_->flush());
  }
}

TEST(Pattern, CollapsesWhatHasDigits) {
  EXPECT_EQ(pattern_of("took 12 ms."), "took <*> ms.");
  EXPECT_EQ(pattern_of("from 10.0.0.7:22 at 12:00:05."), "from <*> at <*>.");
  EXPECT_EQ(pattern_of("no digits"), "no digits");
}

TEST_F(StoreTest, SmallBlocksAreMergedAndFilesJoined) {
  open();
  const UnixNanos from = clock_.now - 3600 * kSecond;
  for (int i = 0; i < 60; ++i) {
    add("h", "s", 20, from + i * kSecond);
    ASSERT_TRUE(store_->flush());
  }
  EXPECT_EQ(find("line").lines.size(), 1200);
  EXPECT_LE(folder_.files(".blocks"), 12);
  // Order of arrival within a time stays: the sum of all first lines comes in the order in which they were sent.
  open();
  EXPECT_EQ(find("line").lines.size(), 1200);
  EXPECT_LE(folder_.files(".blocks"), 12);
}

TEST_F(StoreTest, RetentionByAgePatternAndBytes) {
  options_.retain = std::chrono::hours(48);
  options_.retention = {{"audit", "audit*", std::chrono::hours(24 * 400), 0}};
  open();
  const UnixNanos old = clock_.now - 3 * kDayNanos;
  add("h", "s", 100, old);
  add("h", "audit", 100, old);
  add("h", "s", 100, clock_.now - 3600 * kSecond);
  EXPECT_EQ(find("line").lines.size(), 200);  // what is too old is not shown, also before its file goes
  ASSERT_TRUE(store_->flush());
  clock_.now += 60 * kSecond;
  for (int i = 0; i < 300 && store_->stats().expired_lines == 0; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(store_->stats().expired_lines, 100);
  EXPECT_EQ(find("source:audit").lines.size(), 100);
  EXPECT_EQ(find("source:s").lines.size(), 100);

  const std::uint64_t used = store_->stats().block_bytes;
  options_.limit_bytes = used + 1000;
  open();
  for (int i = 0; i < 5; ++i) {
    add("h" + std::to_string(i), "s", 2000, clock_.now - 3000 * kSecond);
    ASSERT_TRUE(store_->flush());
    EXPECT_LE(store_->stats().block_bytes, std::max<std::uint64_t>(options_.limit_bytes, 30'000));
  }
  EXPECT_GT(store_->stats().evicted_lines, 0);
}

TEST_F(StoreTest, AHostIsForgottenForGood) {
  open();
  const UnixNanos from = clock_.now - 3600 * kSecond;
  add("web1", "s", 100, from);
  add("web2", "s", 100, from);
  ASSERT_TRUE(store_->flush());
  add("web1", "s", 100, from);
  const auto lines = store_->forget("web1");
  ASSERT_TRUE(lines);
  EXPECT_EQ(*lines, 200);
  EXPECT_EQ(find("host:web1").lines.size(), 0);
  open();
  EXPECT_EQ(find("host:web1").lines.size(), 0);
  EXPECT_EQ(find("host:web2").lines.size(), 100);
}

TEST_F(StoreTest, ADamagedBlockCostsItself) {
  open();
  const UnixNanos from = clock_.now - 7200 * kSecond;
  add("a", "s", 5000, from);
  add("b", "s", 5000, from);
  ASSERT_TRUE(store_->flush());
  store_.reset();
  for (const auto& entry : fs::recursive_directory_iterator(options_.directory)) {
    if (entry.path().extension() != ".blocks") continue;
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(200);
    file.write("damage", 6);
    break;
  }
  open();
  const Found found = find("line");
  EXPECT_EQ(found.lines.size(), 5000);
  EXPECT_EQ(found.effort.blocks_damaged, 1);
  EXPECT_EQ(store_->stats().damaged_blocks, 1);
}

TEST_F(StoreTest, AViewerSeesLinesAsTheyCome) {
  open();
  const auto tail = store_->follow();
  ASSERT_TRUE(tail);
  add("web1", "s", 3, clock_.now);
  store_->catch_up(std::chrono::steady_clock::now() + std::chrono::seconds(10));
  std::uint64_t dropped = 1;
  const auto arrived = tail->take(dropped);
  ASSERT_EQ(arrived.size(), 1);
  EXPECT_EQ(arrived[0].host, "web1");
  EXPECT_EQ(arrived[0].lines->size(), 3);
  EXPECT_EQ(dropped, 0);
}

// Lines that came together are shown together, also if they are more than what waits for a viewer otherwise.
TEST_F(StoreTest, AViewerThatWaitsSeesAlsoWhatIsLargerThanItsRoom) {
  open();
  const auto tail = store_->follow();
  ASSERT_TRUE(tail);
  logline::Lines lines;
  lines.clear("s");
  const std::string message(5000, 'x');
  for (int i = 0; i < 1000; ++i) {
    logline::Line line;
    line.time = clock_.now;
    line.message = message;
    lines.add(line);
  }
  for (int i = 0; i < 2; ++i) {
    const auto position = store_->append("web1", lines, clock_.now);
    ASSERT_TRUE(position);
    wait_durable(*position);
  }
  store_->catch_up(std::chrono::steady_clock::now() + std::chrono::seconds(10));
  std::uint64_t dropped = 0;
  const auto arrived = tail->take(dropped);
  ASSERT_EQ(arrived.size(), 1);
  EXPECT_EQ(arrived[0].lines->size(), 1000);
  EXPECT_EQ(dropped, 1000) << "the second had no room";
  EXPECT_EQ(store_->stats().tail_dropped_lines, 1000);
}

// A process takes numbered lines and says which are acknowledged, until it kills itself at a named step.
[[noreturn]] void live_until(Options options, const std::string& step, int times, int out) {
  std::atomic<int> left{times};
  options.at_step = [&](std::string_view name) {
    if (name == step && --left == 0) ::raise(SIGKILL);
  };
  auto opened = Store::open(options);
  if (!opened) ::_exit(3);
  Store& store = **opened;
  for (std::uint8_t client = 0; client < 3; ++client) {
    const Stream stream{client};
    const std::uint64_t first = store.acknowledged(stream) + 1;
    for (std::uint64_t sequence = first; sequence < first + 6; ++sequence) {
      logline::Lines lines;
      lines.clear("s");
      for (int i = 0; i < 30; ++i) {
        const std::string message = "n" + std::to_string(sequence) + "x" + std::to_string(i);
        logline::Line line;
        // Some of yesterday: one record then has lines of two days.
        line.time = options.clock->wall() - (i % 5 == 0 ? kDayNanos : 0);
        line.message = message;
        lines.add(line);
      }
      const auto position =
          store.append(stream, sequence, "h" + std::to_string(client), logline::encode(lines), options.clock->wall());
      if (!position) ::_exit(4);
      std::promise<void> durable;
      store.when_durable(*position, [&] { durable.set_value(); });
      durable.get_future().wait();
      const std::uint64_t said[2] = {client, sequence};
      if (::write(out, said, sizeof said) != sizeof said) ::_exit(5);
      if (sequence % 2 == 0 && !store.flush()) ::_exit(6);
    }
  }
  (void)store.close();
  ::_exit(0);
}

TEST_F(StoreTest, AKillAtAnyStepLosesAndDoublesNothing) {
  std::map<std::uint64_t, std::uint64_t> acknowledged;
  int killed = 0;
  for (const char* step : {"seal", "written", "published", "joined", "removed"})
    for (int times = 1; times <= 8; ++times) {
      int ends[2];
      ASSERT_EQ(::pipe(ends), 0);
      const pid_t child = ::fork();
      if (child == 0) {
        ::close(ends[0]);
        live_until(options_, step, times, ends[1]);
      }
      ::close(ends[1]);
      std::uint64_t said[2];
      while (::read(ends[0], said, sizeof said) == sizeof said) acknowledged[said[0]] = said[1];
      ::close(ends[0]);
      int status = 0;
      ASSERT_EQ(::waitpid(child, &status, 0), child);
      ASSERT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0) << WEXITSTATUS(status);
      killed += WIFSIGNALED(status) ? 1 : 0;
    }
  EXPECT_GT(killed, 20);
  open();
  for (const auto& [client, last] : acknowledged) {
    EXPECT_GE(store_->acknowledged(Stream{static_cast<std::uint8_t>(client)}), last);
    std::multiset<std::string> messages;
    for (const FoundLine& line : find("host:h" + std::to_string(client)).lines) messages.insert(line.message);
    EXPECT_GE(messages.size(), last * 30);
    for (std::uint64_t sequence = 1; sequence <= last; ++sequence)
      for (int i = 0; i < 30; ++i)
        ASSERT_EQ(messages.count("n" + std::to_string(sequence) + "x" + std::to_string(i)), 1)
            << client << " " << sequence << " " << i;
  }
}

}  // namespace
}  // namespace resmon::logs
