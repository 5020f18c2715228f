// kill -9 at the worst moments. A child process runs the same seeded life as the model would, ends itself at a named
// place (fail_point.h) or is ended from outside, and the next one goes on from the mark that the store remembers, as a
// log's reader does. After every death the files check clean, what was durable is there, and the windows say what the
// rows say; after the last life everything does.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <random>

#include "store/backup.h"
#include "store/check.h"
#include "store/fail_point.h"
#include "store/store_test_support.h"

namespace resmon::store {
namespace {

using metric::FieldType;

constexpr std::size_t kSteps = 400;
constexpr std::size_t kHosts = 3;

// kind: "retention", "snapshot" (heads that stay open for long, written often), "delete" or nothing.
Options life_options(const std::string& directory, const std::string& kind) {
  Options options;
  options.directory = directory;
  options.retain = std::chrono::seconds(0);
  options.rows_per_chunk = 40;
  options.seal_after = std::chrono::seconds(900);
  options.checkpoint_every = std::chrono::seconds(600);
  options.snapshot_every = std::chrono::seconds(6000);
  if (kind == "snapshot") {
    options.rows_per_chunk = 8000;
    options.seal_after = std::chrono::hours(24 * 30);
    options.checkpoint_every = options.snapshot_every = std::chrono::seconds(0);
  }
  if (kind == "retention") {
    options.rows_limit_bytes = 12'000;
    options.minutes.limit_bytes = 8'000;
  }
  return options;
}

struct Life {
  metric::SchemaTable schemas;
  std::vector<metric::SchemaId> ids;

  Life() {
    for (std::size_t host = 0; host < kHosts; ++host)
      ids.push_back(schemas
                        .intern({"m",
                                 {{"host", "h" + std::to_string(host)}},
                                 {{"f", FieldType::kFloat}, {"i", FieldType::kInteger}, {"s", FieldType::kString}}})
                        .value());
  }
  static UnixNanos time_of(std::size_t step) { return kStart + static_cast<UnixNanos>(step) * 120 * kSecond; }

  // What step number `step` of a life of the kind "delete" deletes before it writes.
  struct Removal {
    std::size_t host = 0;
    TimeRange range;
    bool takes(std::size_t of_host, UnixNanos time) const {
      return of_host == host && time >= range.first && time < range.last;
    }
  };
  static std::optional<Removal> removal(std::uint64_t seed, std::size_t step) {
    if (step % 5 != 4) return std::nullopt;
    std::mt19937_64 random(seed * 7919 + step);
    const UnixNanos first = time_of(step) - static_cast<UnixNanos>(random() % 20'000) * kSecond;
    const auto seconds = static_cast<UnixNanos>(random() % 10'000);
    return Removal{random() % kHosts, {first, random() % 4 == 0 ? INT64_MAX : first + seconds * kSecond}};
  }

  // What step number `step` writes: the same whenever it is asked.
  void batch(std::uint64_t seed, std::size_t step, metric::Batch& out, Shown* model) const {
    std::mt19937_64 random(seed * 100'003 + step);
    for (std::size_t i = 0; i < 12; ++i) {
      const std::size_t host = random() % kHosts;
      UnixNanos time = time_of(step) + static_cast<UnixNanos>(i * 10) * kSecond;
      if (random() % 8 == 0) time -= static_cast<UnixNanos>(random() % 2000) * 10 * kSecond;
      metric::RowWriter row = out.add(ids[host], 3, time);
      const double f = static_cast<double>(random() % 10'000) / 100;
      const auto integer = static_cast<std::int64_t>(step * 1000 + i);
      const std::string s = "s" + std::to_string(random() % 5);
      row.set(0, f);
      row.set(1, integer);
      row.set(2, std::string_view(s));
      if (model == nullptr) continue;
      (model[host])[time] = {{"f", text_of(FieldType::kFloat, metric::cell_of(f), {})},
                             {"i", text_of(FieldType::kInteger, metric::cell_of(integer), {})},
                             {"s", "s" + s}};
    }
  }
};

std::size_t next_step(const std::string& mark) {
  return mark.empty() ? 0 : static_cast<std::size_t>(std::stoull(mark)) + 1;
}

// From the remembered step to the last. `told` gets the durable mark, as it changes.
void live(const std::string& directory, std::uint64_t seed, const std::string& kind, const std::string& told) {
  Life life;
  auto store = Store::open(life_options(directory, kind), life.schemas);
  ASSERT_TRUE(store) << store.error().message;
  std::ofstream tell(told, std::ios::app);
  std::string durable;
  for (std::size_t step = next_step((*store)->mark("step")); step < kSteps; ++step) {
    if (const auto removal = kind == "delete" ? Life::removal(seed, step) : std::nullopt) {
      const std::string host = "h" + std::to_string(removal->host);
      const auto takes = [&](std::string_view, const std::vector<metric::Tag>& tags) { return tags[0].value == host; };
      ASSERT_TRUE((*store)->remove({takes, removal->range}).has_value());
    }
    metric::Batch batch;
    life.batch(seed, step, batch, nullptr);
    ASSERT_TRUE((*store)->write(batch).has_value());
    ASSERT_TRUE((*store)->set_mark("step", std::to_string(step)).has_value());
    ASSERT_TRUE((*store)->maintain(Life::time_of(step)).has_value());
    if (const std::string now = (*store)->durable_mark("step"); now != durable) {
      durable = now;
      tell << durable << std::endl;
    }
  }
  ASSERT_TRUE((*store)->close().has_value());
}

// This test program again, as another process that runs one of the tests below.
pid_t start(const std::string& test, const std::vector<std::pair<std::string, std::string>>& environment) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  for (const auto& [name, value] : environment) ::setenv(name.c_str(), value.c_str(), 1);
  const std::string filter = "--gtest_filter=StoreCrashTest." + test;
  ::execl("/proc/self/exe", "store_test", filter.c_str(), "--gtest_also_run_disabled_tests", "--gtest_brief=1",
          static_cast<char*>(nullptr));
  ::_exit(127);
}

// Whether it was killed; a child that fails ends this test.
bool was_killed(pid_t child) {
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  if (WIFSIGNALED(status)) {
    EXPECT_EQ(WTERMSIG(status), SIGKILL);
    return true;
  }
  EXPECT_EQ(WEXITSTATUS(status), 0);
  return false;
}

std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::string() : value;
}

// CRASH_PLACE="NAME:N" ends this process the N-th time that the place is passed.
void die_at_place(std::string_view name) {
  static const std::string place = environment("CRASH_PLACE");
  static const std::size_t colon = place.rfind(':');
  static std::atomic<long> left = std::atol(place.c_str() + colon + 1);
  if (name == place.substr(0, colon) && --left == 0) ::raise(SIGKILL);
}

class StoreCrashTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (!environment("CRASH_PLACE").empty()) fail_point_hook = die_at_place;
  }
  std::string told() const { return directory_.store() + "-told"; }
  std::vector<std::pair<std::string, std::string>> of_child(std::uint64_t seed, const std::string& kind,
                                                            const std::string& place) const {
    return {{"CRASH_DIRECTORY", directory_.store()},
            {"CRASH_SEED", std::to_string(seed)},
            {"CRASH_KIND", kind},
            {"CRASH_TOLD", told()},
            {"CRASH_PLACE", place}};
  }
  std::string last_told() const {
    std::ifstream file(told());
    std::string line;
    std::string last;
    while (std::getline(file, line))
      if (!line.empty() && !file.eof()) last = line;  // a line without its end may be cut
    return last;
  }

  void inspect(std::uint64_t seed, const std::string& kind, bool finished) {
    const bool retention = kind == "retention";
    if (!std::filesystem::exists(directory_.store() + "/resmon.db")) return;
    const Result<CheckReport> report = check(directory_.store());
    ASSERT_TRUE(report) << report.error().message;
    ASSERT_TRUE(report->sound()) << report->damage[0];
    Life life;
    auto store = Store::open(life_options(directory_.store(), kind), life.schemas);
    ASSERT_TRUE(store) << store.error().message;
    const std::size_t steps = next_step((*store)->mark("step"));
    EXPECT_GE(steps, next_step(last_told())) << "what was called durable is gone";
    if (finished) {
      EXPECT_EQ(steps, kSteps);
    }
    Shown model[kHosts];
    metric::Batch scratch;
    std::optional<Life::Removal> removal;
    for (std::size_t step = 0; step <= steps; ++step) {
      removal = kind == "delete" && step < kSteps ? Life::removal(seed, step) : std::nullopt;
      if (step == steps) break;
      if (removal) {
        Shown& rows = model[removal->host];
        rows.erase(rows.lower_bound(removal->range.first), rows.lower_bound(removal->range.last));
      }
      life.batch(seed, step, scratch, model);
    }
    for (const auto& group : (*store)->groups("m")) {
      std::string problem;
      const Shown shown = scan_all(**store, "m", group->id, problem);
      const auto host = static_cast<std::size_t>(group->tags[0].value[1] - '0');
      const Shown& expected = model[host];
      if (finished && !retention) {
        EXPECT_TRUE(shown == expected);
      } else if (!retention) {
        // Rows after the mark may be there already, or gone; what was written up to it has to be.
        for (const auto& [time, values] : expected) {
          const bool may_be_gone = removal && removal->takes(host, time);
          ASSERT_TRUE(may_be_gone || shown.contains(time)) << time;
        }
      }
      if (!retention) {
        for (const UnixNanos width : {kMinuteWidth, kHourWidth}) {
          const TimeRange all{INT64_MIN / width * width, INT64_MAX / width * width};
          EXPECT_TRUE(scan_all_windows(**store, "m", group->id, all, width, true, problem) ==
                      scan_all_windows(**store, "m", group->id, all, width, false, problem));
        }
      }
      EXPECT_EQ(problem, "");
    }
  }

  ScratchDirectory directory_;
};

TEST_F(StoreCrashTest, DISABLED_Live) {
  live(environment("CRASH_DIRECTORY"), std::stoull(environment("CRASH_SEED")), environment("CRASH_KIND"),
       environment("CRASH_TOLD"));
}

// A thousand series, all of which are to be deleted, in several transactions.
TEST_F(StoreCrashTest, DISABLED_Delete) {
  metric::SchemaTable schemas;
  Options options = life_options(environment("CRASH_DIRECTORY"), "");
  options.disk_limit_bytes = 6U << 20U;  // for small transactions
  auto store = Store::open(options, schemas);
  ASSERT_TRUE(store) << store.error().message;
  for (int row = 0; row < 20; ++row) {
    metric::Batch batch;
    for (int series = 0; series < 1000; ++series) {
      const auto id =
          schemas.intern({"m", {{"host", "h" + std::to_string(series)}}, {{"v", FieldType::kInteger}}}).value();
      batch.add(id, 1, kStart + row * kSecond).set(0, std::int64_t{row});
    }
    ASSERT_TRUE((*store)->write(batch).has_value());
  }
  ASSERT_TRUE((*store)->set_mark("step", "1").has_value());
  ASSERT_TRUE((*store)->flush().has_value());
  const auto all = [](std::string_view, const std::vector<metric::Tag>&) { return true; };
  const std::string told = environment("CRASH_TOLD");
  ASSERT_TRUE((*store)->remove({all, {}}, [&] { std::ofstream(told) << "begun"; }).has_value());
}

TEST_F(StoreCrashTest, DISABLED_Backup) {
  ASSERT_TRUE(backup(environment("CRASH_DIRECTORY"), environment("CRASH_DIRECTORY") + "-backup",
                     {.files = {}, .texts = {}, .replace = true, .progress = {}})
                  .has_value());
}

TEST_F(StoreCrashTest, KilledAtEveryStageOfAWrite) {
  std::uint64_t seed = 1;
  for (const char* place : {"marks", "snapshot", "snapshot written", "seal", "merge", "commit", "committed",
                            "retention", "delete begun", "delete", "deleted"}) {
    const std::string kind = std::string_view(place) == "retention"            ? "retention"
                             : std::string_view(place).starts_with("delete")   ? "delete"
                             : std::string_view(place).starts_with("snapshot") ? "snapshot"
                                                                               : "";
    SCOPED_TRACE(std::string(place) + ", seed " + std::to_string(seed));
    int deaths = 0;
    for (const char* times : {":1", ":2", ":7", ":25"}) {
      if (!was_killed(start("DISABLED_Live", of_child(seed, kind, std::string(place) + times)))) break;
      ++deaths;
      inspect(seed, kind, false);
      if (HasFailure()) return;
    }
    EXPECT_GE(deaths, 2);
    EXPECT_FALSE(was_killed(start("DISABLED_Live", of_child(seed, kind, ""))));
    inspect(seed, kind, true);
    if (HasFailure()) return;
    std::filesystem::remove_all(directory_.store());
    std::filesystem::remove(told());
    ++seed;
  }
}

TEST_F(StoreCrashTest, KilledAtAnyMoment) {
  std::mt19937_64 random(7);
  int deaths = 0;
  for (int life = 0; life < 40; ++life) {
    const pid_t child = start("DISABLED_Live", of_child(99, "", ""));
    const std::size_t from = next_step(last_told());
    const std::size_t until = from + random() % 60;
    int status = 0;
    while (::waitpid(child, &status, WNOHANG) == 0)
      if (next_step(last_told()) > until) ::kill(child, SIGKILL);
    if (WIFEXITED(status)) {
      EXPECT_EQ(WEXITSTATUS(status), 0);
      break;
    }
    ++deaths;
    inspect(99, "", false);
    if (HasFailure()) return;
  }
  EXPECT_GE(deaths, 3);
  inspect(99, "", true);
}

TEST_F(StoreCrashTest, KilledDuringABackup) {
  ASSERT_FALSE(was_killed(start("DISABLED_Live", of_child(5, "", ""))));
  const std::string file = directory_.store() + "-backup";
  for (const char* place : {"backup:1", "backup:2", "backup rename:1"}) {
    SCOPED_TRACE(place);
    EXPECT_TRUE(was_killed(start("DISABLED_Backup", of_child(5, "", place))));
    EXPECT_FALSE(std::filesystem::exists(file));
    inspect(5, "", true);
  }
  ASSERT_FALSE(was_killed(start("DISABLED_Backup", of_child(5, "", ""))));
  const auto report = check_file(file);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(report->sound());
  EXPECT_EQ(report->samples, check(directory_.store()).value().samples);
  // An older backup stays until the new one is complete.
  const auto size = std::filesystem::file_size(file);
  EXPECT_TRUE(was_killed(start("DISABLED_Backup", of_child(5, "", "backup rename:1"))));
  EXPECT_EQ(std::filesystem::file_size(file), size);
  // And a backup is a store.
  std::filesystem::remove_all(directory_.store());
  std::filesystem::create_directory(directory_.store());
  std::filesystem::rename(file, directory_.store() + "/resmon.db");
  inspect(5, "", true);
}

// What was begun is deleted by whoever opens the store next, and what was written after it stays.
TEST_F(StoreCrashTest, ADeletionThatHadBegunIsFinishedAfterADeath) {
  for (const char* place : {"delete begun:1", "delete:1", "delete:2", "deleted:1", "marks:2"}) {
    SCOPED_TRACE(place);
    EXPECT_TRUE(was_killed(start("DISABLED_Delete", of_child(1, "", place))));
    const bool begun = std::filesystem::exists(told());
    EXPECT_EQ(begun, std::string_view(place) != "marks:2");
    metric::SchemaTable schemas;
    Options options = life_options(directory_.store(), "");
    auto store = Store::open(options, schemas);
    ASSERT_TRUE(store) << store.error().message;
    metric::Batch batch;
    const auto id = schemas.intern({"m", {{"host", "h1"}}, {{"v", FieldType::kInteger}}}).value();
    batch.add(id, 1, kStart).set(0, std::int64_t{7});
    ASSERT_TRUE((*store)->write(batch).has_value());
    std::size_t rows = 0;
    for (const Group* const group : (*store)->groups("m")) {
      std::string problem;
      rows += scan_all(**store, "m", group->id, problem).size();
      EXPECT_EQ(problem, "");
    }
    EXPECT_EQ(rows, begun ? 1U : 1000U * 20U);  // the one replaces another
    EXPECT_EQ((*store)->mark("step"), "1");
    store->reset();
    std::filesystem::remove_all(directory_.store());
    std::filesystem::remove(told());
  }
}

// While chunks are written, joined and removed, a backup is one moment of the store.
TEST_F(StoreCrashTest, ABackupBesideTheWriter) {
  const pid_t child = start("DISABLED_Live", of_child(11, "", ""));
  const std::string file = directory_.store() + "-backup";
  int backups = 0;
  int status = 0;
  while (::waitpid(child, &status, WNOHANG) == 0) {
    if (next_step(last_told()) < 5) continue;
    const auto done = backup(directory_.store(), file, {.files = {}, .texts = {}, .replace = true, .progress = {}});
    ASSERT_TRUE(done) << done.error().message;
    const auto report = check_file(file);
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_TRUE(report->sound()) << report->damage[0];
    ++backups;
  }
  EXPECT_EQ(status, 0);
  EXPECT_GE(backups, 1);
  // The last of them, gone on with, ends as the original does.
  const std::string original = directory_.store() + "-original";
  std::filesystem::rename(directory_.store(), original);
  std::filesystem::create_directory(directory_.store());
  std::filesystem::rename(file, directory_.store() + "/resmon.db");
  std::filesystem::remove(told());
  ASSERT_FALSE(was_killed(start("DISABLED_Live", of_child(11, "", ""))));
  inspect(11, "", true);
}

}  // namespace
}  // namespace resmon::store
