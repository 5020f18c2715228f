// The spool on disk: what it promises through kills, full disks and copies of itself. RESMON_SPOOL_SEED=N runs one
// random run alone, RESMON_SPOOL_SEEDS=N that many; RESMON_SPOOL_MUTATIONS=N damages so many files.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <set>

#include "base/test_rounds.h"
#include "journal/simulated_files.h"
#include "uplink/spool.h"

namespace resmon::uplink {
namespace {

using journal::SimulatedFiles;

constexpr std::size_t kFields = 20;

// Every batch carries its own number, and the rest of it follows from that.
class Maker {
 public:
  explicit Maker(metric::SchemaTable& schemas) {
    metric::Schema schema{"m", {{"tag", "value"}}, {}};
    for (std::size_t i = 0; i < kFields; ++i)
      schema.fields.push_back({"f" + std::to_string(i), metric::FieldType::kInteger});
    schema.fields.push_back({"text", metric::FieldType::kString});
    schema_ = schemas.intern(std::move(schema)).value();
  }
  metric::Batch make(std::int64_t id) const {
    metric::Batch batch;
    auto row = batch.add(schema_, kFields + 1, id * 1'000'000'000);
    for (std::size_t i = 0; i < fields_of(id); ++i) row.set(i, id * static_cast<std::int64_t>(i + 1));
    if (id % 3 == 0) row.set(kFields, std::string_view("text " + std::to_string(id % 5)));
    return batch;
  }
  static std::size_t fields_of(std::int64_t id) { return 1 + static_cast<std::size_t>(id) % kFields; }
  std::int64_t id_of(const metric::Batch& batch, const metric::SchemaTable& schemas) const {
    EXPECT_EQ(batch.rows().size(), 1U);
    const metric::Row& row = batch.rows()[0];
    EXPECT_EQ(schemas[row.schema], schemas[schema_]);
    const std::int64_t id = metric::as_integer(batch.value(row, 0));
    const metric::Batch same = make(id);
    EXPECT_EQ(batch.samples(), same.samples());
    EXPECT_EQ(row.time, same.rows()[0].time);
    EXPECT_TRUE(std::ranges::equal(batch.presence(row), same.presence(same.rows()[0])));
    for (std::size_t i = 0; i < fields_of(id); ++i)
      EXPECT_EQ(metric::as_integer(batch.value(row, i)), id * static_cast<std::int64_t>(i + 1));
    return id;
  }

 private:
  metric::SchemaId schema_ = 0;
};

// Every process has a table of its own.
struct Process {
  explicit Process(const SpoolOptions& options) : maker(schemas), spool(options, schemas) {}
  metric::SchemaTable schemas;
  Maker maker;
  Spool spool;
};

std::uint64_t samples_of(std::int64_t id) {
  return Maker::fields_of(id) + (id % 3 == 0 ? 1U : 0U);
}

class SpoolDiskTest : public ::testing::Test {
 protected:
  SpoolDiskTest() : files_(7) {
    files_.short_ratio = 0;
    options_.disk.directory = "j";
    options_.disk.files = &files_;
    options_.disk.sync_in_background = false;
    options_.disk.owner = "web1";
    options_.retry_interval = std::chrono::seconds(0);
  }

  void start() { process_ = std::make_unique<Process>(options_); }
  // kill -9: what the kernel has stays.
  void kill() {
    files_.crashed = true;
    process_.reset();
    files_.crashed = false;
  }
  Spool& spool() { return process_->spool; }
  void push(std::int64_t id) { spool().push(process_->maker.make(id)); }
  std::vector<std::int64_t> rest() {
    std::vector<std::int64_t> ids;
    std::uint64_t epoch = spool().epoch();
    int tries = 0;  // an unreadable sector is given up after a few
    for (std::uint64_t next = spool().first();;) {
      const Spool::Run run = spool().fetch(next, 10, 1U << 20U);
      if (run.batches.empty() && epoch != spool().epoch()) {
        epoch = spool().epoch();
        next = spool().first();
        ids.clear();
        continue;
      }
      if (run.batches.empty() && ++tries < 4) continue;
      if (run.batches.empty()) return ids;
      tries = 0;
      for (const metric::Batch* batch : run.batches) ids.push_back(process_->maker.id_of(*batch, process_->schemas));
      next = run.first + run.batches.size();
      spool().sent(next - 1);
    }
  }
  static std::vector<std::int64_t> numbers(std::int64_t from, std::int64_t to) {
    std::vector<std::int64_t> ids;
    for (std::int64_t id = from; id <= to; ++id) ids.push_back(id);
    return ids;
  }

  SimulatedFiles files_;
  SpoolOptions options_;
  std::unique_ptr<Process> process_;
};

TEST_F(SpoolDiskTest, OutlivesItsProcess) {
  start();
  const wire::StreamId stream = spool().stream();
  for (int id = 1; id <= 500; ++id) push(id);
  EXPECT_EQ(spool().disk_error(), "");
  EXPECT_EQ(rest(), numbers(1, 500));
  spool().acknowledge(100);
  kill();
  start();
  EXPECT_EQ(spool().stream(), stream);
  EXPECT_GT(spool().last(), 500U);
  EXPECT_TRUE(spool().resume_after(123));
  EXPECT_EQ(rest(), numbers(124, 500));
  std::uint64_t samples = 0;
  for (int id = 124; id <= 500; ++id) samples += samples_of(id);
  EXPECT_EQ(spool().backlog_samples(), samples);
  push(501);
  EXPECT_GT(spool().last(), 501U) << "a number was given out again";
  EXPECT_EQ(rest(), numbers(124, 501));
  spool().acknowledge(spool().last());
  EXPECT_TRUE(spool().empty());
  EXPECT_EQ(spool().backlog_samples(), 0U);
  EXPECT_EQ(spool().dropped_samples(), 0U);
}

TEST_F(SpoolDiskTest, AnEmptySpoolGoesOnInItsStream) {
  start();
  const wire::StreamId stream = spool().stream();
  for (int id = 1; id <= 10; ++id) push(id);
  spool().acknowledge(10);
  process_.reset();
  start();
  EXPECT_EQ(spool().stream(), stream);
  EXPECT_TRUE(spool().empty());
  EXPECT_EQ(spool().last(), 10U) << "an orderly end skips no numbers";
}

TEST_F(SpoolDiskTest, WhenFullTheOldestGoAndTheCountIsExactThroughAKill) {
  options_.disk.limit_bytes = 256U << 10U;
  start();
  std::uint64_t taken = 0;
  for (int id = 1; id <= 20'000; ++id) {
    push(id);
    taken += samples_of(id);
    if (id == 50) spool().acknowledge(37);
    if (id % 4999 == 0) {
      EXPECT_EQ(spool().disk_error(), "");
      kill();
      start();
    }
  }
  std::uint64_t acknowledged = 0;
  for (int id = 1; id <= 37; ++id) acknowledged += samples_of(id);
  const auto left = rest();
  ASSERT_FALSE(left.empty());
  EXPECT_GT(left.front(), 100);
  EXPECT_EQ(left.back(), 20'000);
  std::uint64_t kept = 0;
  for (const std::int64_t id : left) kept += samples_of(id);
  EXPECT_EQ(spool().backlog_samples(), kept);
  EXPECT_EQ(spool().dropped_samples(), taken - acknowledged - kept);
  EXPECT_LE(spool().disk_bytes(), options_.disk.limit_bytes);
}

// An acknowledgement that was lost on its way: the server had some of what was given up meanwhile.
TEST_F(SpoolDiskTest, WhatTheServerHadAfterAllIsNotCountedAsDropped) {
  options_.disk.limit_bytes = 256U << 10U;
  start();
  for (int id = 1; id <= 200; ++id) push(id);
  EXPECT_EQ(rest().size(), 200U);  // sent, and the server stored 1 to 120
  for (int id = 201; id <= 20'000; ++id) push(id);
  const std::uint64_t dropped = spool().dropped_samples();
  std::uint64_t had = 0;
  for (int id = 1; id <= 120; ++id) had += samples_of(id);
  EXPECT_TRUE(spool().resume_after(120));
  EXPECT_EQ(spool().dropped_samples(), dropped - had);
  kill();
  start();
  EXPECT_EQ(spool().dropped_samples(), dropped - had);
}

TEST_F(SpoolDiskTest, AFullDiskCostsSafetyAndNothingElse) {
  start();
  for (int id = 1; id <= 100; ++id) push(id);
  spool().sync_now();
  const auto stream = spool().stream();
  files_.capacity = files_.usage();
  files_.fail_ratio = 1;
  for (int id = 101; id <= 6000; ++id) push(id);
  EXPECT_NE(spool().disk_error(), "");
  files_.fail_ratio = 0;
  EXPECT_EQ(spool().stream(), stream);
  std::this_thread::sleep_for(std::chrono::milliseconds(2100));  // the journal's pause after a failure
  files_.capacity = ~std::uint64_t{0};
  push(6001);
  EXPECT_EQ(spool().disk_error(), "");
  kill();
  start();
  EXPECT_EQ(rest(), numbers(1, 6001));
  EXPECT_EQ(spool().dropped_samples(), 0U);
}

TEST_F(SpoolDiskTest, WithoutADiskForTooLongTheOldestInMemoryGo) {
  options_.memory_bytes = 100'000;
  start();
  for (int id = 1; id <= 100; ++id) push(id);
  files_.fail_ratio = 1;
  std::uint64_t taken = 0;
  for (int id = 1; id <= 100; ++id) taken += samples_of(id);
  for (int id = 101; id <= 60'000; ++id) {
    push(id);
    taken += samples_of(id);
    ASSERT_LT(spool().memory_bytes(), 200'000U);
  }
  const std::uint64_t kept = spool().backlog_samples();
  EXPECT_EQ(spool().dropped_samples(), taken - kept);
  EXPECT_GT(spool().dropped_samples(), 0U);
  files_.fail_ratio = 0;
  const auto left = rest();
  EXPECT_EQ(left.back(), 60'000);
  std::uint64_t fetched = 0;
  for (const std::int64_t id : left) fetched += samples_of(id);
  EXPECT_EQ(fetched, kept);
}

TEST_F(SpoolDiskTest, SentWhileTheDiskFailsForLongIsAnotherStream) {
  files_.fail_ratio = 1;
  options_.disk.directory = "j";
  files_.fail_ratio = 0;
  start();
  const auto stream = spool().stream();
  files_.fail_ratio = 1;
  for (int id = 1; id <= 5000; ++id) {
    push(id);
    if (id % 100 != 0) continue;
    (void)rest();
    spool().acknowledge(spool().last());
  }
  EXPECT_NE(spool().stream(), stream) << "numbers that a restart would give out again were used";
}

TEST_F(SpoolDiskTest, AServerThatKnowsMoreThanWasSentMakesAnotherStream) {
  start();
  for (int id = 1; id <= 50; ++id) push(id);
  EXPECT_EQ(rest().size(), 50U);
  spool().acknowledge(20);
  const auto stream = spool().stream();
  const auto epoch = spool().epoch();
  EXPECT_FALSE(spool().resume_after(4000));
  EXPECT_NE(spool().stream(), stream);
  EXPECT_NE(spool().epoch(), epoch);
  EXPECT_TRUE(spool().resume_after(0));
  EXPECT_EQ(rest(), numbers(21, 50));
  push(51);
  const auto second = spool().stream();
  kill();
  start();
  EXPECT_EQ(spool().stream(), second);
  EXPECT_TRUE(spool().resume_after(50));
  EXPECT_EQ(rest(), numbers(51, 51));
}

TEST_F(SpoolDiskTest, ASpoolOfAnotherClientIsSentInAStreamOfItsOwn) {
  start();
  for (int id = 1; id <= 5; ++id) push(id);
  const auto stream = spool().stream();
  kill();
  options_.disk.owner = "web2";
  start();
  EXPECT_NE(spool().stream(), stream);
  EXPECT_THAT(spool().take_findings(), ::testing::Contains(::testing::HasSubstr("web1")));
  EXPECT_TRUE(spool().resume_after(0));
  EXPECT_EQ(rest(), numbers(1, 5));
}

TEST_F(SpoolDiskTest, LostCursorsMakeAnotherStream) {
  start();
  for (int id = 1; id <= 5; ++id) push(id);
  const auto stream = spool().stream();
  kill();
  files_.names["j/cursors"]->data.assign(8192, 'x');
  start();
  EXPECT_NE(spool().stream(), stream);
  EXPECT_EQ(rest(), numbers(1, 5));
}

TEST_F(SpoolDiskTest, DamageCostsWhatIsDamagedAndIsCounted) {
  start();
  std::uint64_t taken = 0;
  for (int id = 1; id <= 3000; ++id) {
    push(id);
    taken += samples_of(id);
  }
  spool().sync_now();
  kill();
  for (auto& [name, inode] : files_.names) {
    if (!name.ends_with(".seg")) continue;
    inode->data[inode->data.size() / 20] ^= 1;
    break;
  }
  start();
  const auto left = rest();
  EXPECT_GT(left.size(), 1000U);
  EXPECT_LT(left.size(), 3000U);
  EXPECT_EQ(left.back(), 3000);
  EXPECT_EQ(std::set<std::int64_t>(left.begin(), left.end()).size(), left.size());
  std::uint64_t kept = 0;
  for (const std::int64_t id : left) kept += samples_of(id);
  EXPECT_EQ(spool().backlog_samples(), kept);
  EXPECT_EQ(taken, kept + spool().dropped_samples());
}

// One file of a spool with several segments, some of it acknowledged, is damaged while the client is down: every sample
// is still there or counted, also after one more restart.
TEST_F(SpoolDiskTest, DamageToAnyFileIsCountedInSamples) {
  std::mt19937_64 random(11);
  const auto below = [&](std::size_t bound) {
    return static_cast<std::size_t>(random() % std::max<std::size_t>(bound, 1));
  };
  const auto damage = [&](std::string& data, std::size_t kind) {
    const std::size_t used = data.find_last_not_of('\0') + 1;
    if (kind == 0 && used > 0) data[below(used)] ^= static_cast<char>(1U << below(8));
    if (kind == 1) data.resize(below(used));
    if (kind == 2) data.clear();
    if (kind == 3) data += data;
    if (kind == 4) std::fill(data.begin() + static_cast<std::ptrdiff_t>(below(used)), data.end(), '\0');
  };
  constexpr std::size_t kRemoved = 5;
  std::uint64_t counted = 0;
  const char* const many = std::getenv("RESMON_SPOOL_MUTATIONS");
  const unsigned rounds = many != nullptr ? static_cast<unsigned>(std::atoi(many)) : test_rounds(24);
  for (unsigned round = 0; round < rounds; ++round) {
    process_.reset();
    files_ = SimulatedFiles(round + 1);
    files_.short_ratio = 0;
    start();
    const int last = 3000 + static_cast<int>(below(6000));
    const int acknowledged = static_cast<int>(below(static_cast<std::size_t>(last)));
    std::uint64_t taken = 0;
    for (int id = 1; id <= last; ++id) {
      push(id);
      taken += samples_of(id);
      if (id == acknowledged) {
        spool().sent(spool().last());
        spool().acknowledge(spool().last());
        taken = 0;
        if (below(2) == 0) spool().sync_now();
      }
    }
    const std::string where = "round " + std::to_string(round);
    kill();
    std::vector<std::string> names;
    for (const auto& [name, inode] : files_.names)
      if (!name.ends_with("lock")) names.push_back(name);
    const std::string name = names[below(names.size())];
    const std::size_t kind = below(kRemoved + 1);
    SCOPED_TRACE(where + ": " + name + " damage " + std::to_string(kind));
    if (kind == kRemoved)
      files_.names.erase(name);
    else
      damage(files_.names[name]->data, kind);
    for (int start_number = 0; start_number < 2; ++start_number) {
      start();
      // What was acknowledged, and not yet said so on the disk, may come again.
      EXPECT_GE(spool().backlog_samples() + spool().dropped_samples(), taken);
      if (name.ends_with(".seg")) {
        const std::uint64_t again = spool().backlog_samples() + spool().dropped_samples() - taken;
        std::uint64_t before = 0;
        for (int id = 1; id <= acknowledged; ++id) before += samples_of(id);
        EXPECT_LE(again, before);
      }
      std::uint64_t kept = 0;
      for (const std::int64_t id : rest()) kept += samples_of(id);
      EXPECT_EQ(spool().backlog_samples(), kept);
      EXPECT_GE(kept + spool().dropped_samples(), taken);
      counted += spool().dropped_samples();
      kill();
    }
    if (HasFailure()) return;
  }
  EXPECT_GT(counted, 0U);
}

TEST_F(SpoolDiskTest, AnUnreadableSectorCostsItsRecordsNotTheSpool) {
  options_.disk.read_patience = std::chrono::milliseconds(0);
  start();
  const wire::StreamId stream = spool().stream();
  for (int id = 1; id <= 3000; ++id) push(id);
  spool().sync_now();
  kill();
  for (const auto& [name, inode] : files_.names) {
    if (!name.ends_with(".seg")) continue;
    files_.unreadable = name;
    files_.unreadable_at = inode->data.size() / 20 / SimulatedFiles::kSector * SimulatedFiles::kSector;
    break;
  }
  start();
  EXPECT_TRUE(spool().on_disk());
  EXPECT_EQ(spool().disk_error(), "");
  EXPECT_EQ(spool().stream(), stream);
  EXPECT_THAT(spool().take_findings(), ::testing::Contains(::testing::HasSubstr("damaged")));
  push(3001);
  const auto left = rest();
  EXPECT_GT(left.size(), 1000U);
  EXPECT_LT(left.size(), 3001U);
  EXPECT_EQ(left.front(), 1);
  EXPECT_EQ(left.back(), 3001);
}

TEST_F(SpoolDiskTest, WhatIsNoSpoolIsSetAside) {
  files_.names["j/00000000000000000001.seg"] = std::make_shared<SimulatedFiles::Inode>();
  files_.names["j/00000000000000000001.seg"]->data.assign(100'000, 'z');
  start();
  EXPECT_THAT(spool().take_findings(), ::testing::Contains(::testing::HasSubstr("set aside")));
  push(1);
  EXPECT_EQ(spool().disk_error(), "");
  EXPECT_EQ(rest(), numbers(1, 1));
}

// On the real file system: locks, and folders that cannot be used.
TEST_F(SpoolDiskTest, TwoClientsOnOneDirectory) {
  std::string directory = ::testing::TempDir() + "spool-XXXXXX";
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  options_.disk.files = nullptr;
  options_.disk.directory = directory + "/spool";
  start();
  push(1);
  {
    Process second(options_);
    EXPECT_NE(second.spool.disk_error(), "");
    EXPECT_NE(second.spool.stream(), spool().stream());
    second.spool.push(second.maker.make(2));
    EXPECT_EQ(second.spool.fetch(1, 10, 1000).batches.size(), 1U) << "it goes on in memory";
    const auto epoch = second.spool.epoch();
    process_.reset();
    second.spool.push(second.maker.make(3));
    EXPECT_EQ(second.spool.disk_error(), "");
    EXPECT_NE(second.spool.epoch(), epoch);
    const Spool::Run run = second.spool.fetch(second.spool.first(), 10, 100'000);
    std::vector<std::int64_t> ids;
    for (const metric::Batch* batch : run.batches) ids.push_back(second.maker.id_of(*batch, second.schemas));
    const Spool::Run more = second.spool.fetch(run.first + run.batches.size(), 10, 100'000);
    for (const metric::Batch* batch : more.batches) ids.push_back(second.maker.id_of(*batch, second.schemas));
    EXPECT_EQ(ids, numbers(1, 3)) << "the first one's is sent, too";
  }
  struct stat status {};
  ASSERT_EQ(::stat(options_.disk.directory.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0700U);
  std::filesystem::remove_all(directory);
}

TEST_F(SpoolDiskTest, ADirectoryThatCannotBeMade) {
  std::string directory = ::testing::TempDir() + "spool-XXXXXX";
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  std::ofstream(directory + "/file") << "x";
  options_.disk.files = nullptr;
  options_.disk.directory = directory + "/file/spool";
  start();
  EXPECT_NE(spool().disk_error(), "");
  push(1);
  EXPECT_EQ(rest(), numbers(1, 1));
  std::filesystem::remove(directory + "/file");
  push(2);
  EXPECT_EQ(spool().disk_error(), "");
  process_.reset();
  start();
  EXPECT_EQ(rest(), numbers(1, 2));
  std::filesystem::remove_all(directory);
}

// Random lives of a client against a server that remembers each stream's last number, with acknowledgements that get
// lost, kills, and in some runs the machine's end.
class RandomLife {
 public:
  explicit RandomLife(unsigned seed) : random_(seed), files_(seed * 3 + 1) {
    options_.disk.directory = "j";
    options_.disk.files = &files_;
    options_.disk.sync_in_background = false;
    options_.disk.owner = "web1";
    options_.disk.limit_bytes = (128U << 10U) << pick(3);
    options_.memory_bytes = 20'000U << pick(4);
    options_.retry_interval = std::chrono::seconds(0);
    power_ = pick(3) == 0;
    start();
  }

  void go(int steps) {
    for (int i = 0; i < steps && !::testing::Test::HasFailure(); ++i) {
      const auto what = pick(100);
      if (what < 70) {
        for (auto count = pick(pick(20) == 0 ? 400 : 4) + 1; count > 0; --count) push();
      } else if (what < 90) {
        talk();
      } else if (what < 95) {
        kill(power_ && pick(2) == 0);
      } else if (what < 96) {
        process_->spool.sync_now();
        synced_ = next_id_ - 1;
      } else if (what < 98 && pick(8) == 0) {
        for (auto count = pick(4000); count > 0; --count) push();
      }
    }
    for (int i = 0; i < 1000 && !process_->spool.empty(); ++i) talk(true);
    EXPECT_TRUE(process_->spool.empty());
    std::uint64_t lost = 0;
    for (const std::int64_t id : taken_) {
      if (received_.contains(id)) continue;
      lost += samples_of(id);
    }
    if (!power_) {
      EXPECT_EQ(process_->spool.dropped_samples(), lost + unsettled_);
    } else {
      EXPECT_GE(process_->spool.dropped_samples(), lost);
    }
  }

 private:
  std::uint64_t pick(std::uint64_t below) { return random_() % below; }
  void start() {
    process_ = std::make_unique<Process>(options_);
    EXPECT_EQ(process_->spool.disk_error(), "");
  }
  void push() {
    numbers_[process_->spool.push(process_->maker.make(next_id_))] = next_id_;
    taken_.insert(next_id_++);
  }
  void kill(bool machine) {
    // Dropped, stored all the same, and not known to be yet.
    std::uint64_t lost = 0;
    for (const auto& [number, id] : numbers_)
      if (number < process_->spool.first() && !received_.contains(id)) lost += samples_of(id);
    if (!power_) {
      ASSERT_GE(process_->spool.dropped_samples(), lost);
      unsettled_ = process_->spool.dropped_samples() - lost;
    }
    files_.crashed = true;
    process_.reset();
    if (machine) {
      files_.recover();
      taken_.erase(taken_.upper_bound(synced_), taken_.end());
    } else {
      files_.crashed = false;
    }
    start();
  }
  // One connection.
  void talk(bool patiently = false) {
    Spool& spool = process_->spool;
    std::uint64_t& has = server_[spool.stream()];
    if (!spool.resume_after(has)) return;
    std::uint64_t next = spool.first();
    while (patiently || pick(8) != 0) {
      const Spool::Run run = spool.fetch(next, 1 + pick(20), 1 + pick(50'000));
      if (run.batches.empty()) break;
      ASSERT_GE(run.first, next);
      for (std::size_t i = 0; i < run.batches.size(); ++i) {
        const std::uint64_t sequence = run.first + i;
        const std::int64_t id = process_->maker.id_of(*run.batches[i], process_->schemas);
        const auto [known, fresh] = contents_.emplace(std::pair(spool.stream(), sequence), id);
        ASSERT_EQ(known->second, id) << "one number, two contents";
        if (sequence <= has) continue;
        ASSERT_TRUE(received_.insert(id).second || power_) << "stored twice: " << id;
        has = sequence;
      }
      next = run.first + run.batches.size();
      spool.sent(next - 1);
      if (patiently || pick(2) == 0) spool.acknowledge(has - (pick(4) == 0 ? std::min(has, pick(5)) : 0));
      if (!patiently && pick(4) == 0) push();
    }
    if (patiently) spool.acknowledge(has);
  }

  std::mt19937_64 random_;
  SimulatedFiles files_;
  SpoolOptions options_;
  std::unique_ptr<Process> process_;
  bool power_ = false;
  std::int64_t next_id_ = 1;
  std::set<std::int64_t> taken_;
  std::int64_t synced_ = 0;
  std::map<std::uint64_t, std::int64_t> numbers_;
  std::uint64_t unsettled_ = 0;
  std::set<std::int64_t> received_;
  std::map<wire::StreamId, std::uint64_t> server_;
  std::map<std::pair<wire::StreamId, std::uint64_t>, std::int64_t> contents_;
};

TEST(SpoolModel, EverySampleIsStoredOnceOrCounted) {
  unsigned from = 1;
  unsigned count = test_rounds(60);
  if (const char* const one = std::getenv("RESMON_SPOOL_SEED")) from = static_cast<unsigned>(std::atoi(one)), count = 1;
  if (const char* const many = std::getenv("RESMON_SPOOL_SEEDS")) count = static_cast<unsigned>(std::atoi(many));
  for (unsigned seed = from; seed < from + count; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomLife(seed).go(400);
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace resmon::uplink
