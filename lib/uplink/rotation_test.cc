// Files that are written to and rotated in every way, read by a process that is killed again and again: what was
// written is what the spool has, each line once and in order. RESMON_ROTATION_SECONDS=1800 RESMON_ROTATION_SEED=7 for
// longer.
//
// Writing and rotating is one thread, so nothing is written between a copy and the truncation of its original: what
// logrotate itself loses there is not what is tested. A file is deleted only while its reader is alive, and the reader
// is not killed shortly after: what is deleted unread with no process that has it open is gone.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <utility>

#include "tail/file_source.h"
#include "tail/shaper.h"
#include "uplink/line_spool.h"

namespace resmon::uplink {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kWriters = 10;

int from_environment(const char* name, int otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::atoi(text);
}

LineSpoolOptions rotation_spool(const std::string& directory) {
  LineSpoolOptions options;
  options.directory = directory + "/spool";
  options.owner = "host";
  options.sync_interval = milliseconds(50);
  return options;
}

// What readers have done and kept, of all their lives.
struct Done {
  std::atomic<std::uint64_t> rounds{0};
  std::atomic<std::uint64_t> looks{0};  // for files
};

// The reader: runs until it is killed.
[[noreturn]] void read_for_ever(const std::string& directory, Done& done) {
  auto spool = LineSpool::open(rotation_spool(directory)).value();
  tail::FileOptions files;
  // Half of the writers' rotated files match as well.
  files.globs = {directory + "/logs/*.log", directory + "/logs/*[02468].log.*"};
  files.look_interval = milliseconds(20);
  files.flush_after = std::chrono::seconds(3600);
  tail::FileSource source(files);
  std::map<std::string, std::string> marks;
  for (const auto& [key, value] : spool->marks()) marks[key] = value;
  source.restore(marks);
  tail::ShapeOptions shape;
  shape.format = tail::Format::kNone;
  auto shaper = tail::Shaper::make("files", shape).value();
  std::uint64_t looks = 0;
  while (true) {
    source.poll(steady_clock::now(), false, *shaper);
    std::vector<LineSpool::Mark> moved;
    for (const auto& [key, value] : shaper->marks()) moved.push_back({key, value});
    const std::string encoded = shaper->lines().empty() ? std::string() : logline::encode(shaper->lines());
    const bool kept = moved.empty() || spool->push(encoded, static_cast<std::uint32_t>(shaper->lines().size()), moved);
    if (kept) shaper->clear();
    if (kept) done.looks += source.stats().looks - std::exchange(looks, source.stats().looks);
    if (kept) ++done.rounds;
    for (const std::string& finding : source.take_findings()) std::fprintf(stderr, "# %s\n", finding.c_str());
    ::usleep(3000);
  }
}

class RotationTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/resmon-rotation-test-XXXXXX";
    directory_ = ::mkdtemp(name);
    fs::create_directories(directory_ + "/logs");
    void* const shared = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    done_ = new (shared) Done;
  }
  void TearDown() override {
    stop();
    if (!HasFailure()) fs::remove_all(directory_);
  }
  void start() {
    pid_ = ::fork();
    if (pid_ == 0) read_for_ever(directory_, *done_);
  }
  void stop() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  std::string log_of(int writer) const { return directory_ + "/logs/w" + std::to_string(writer) + ".log"; }

  void write(int writer) {
    if (!files_[writer].is_open()) {
      files_[writer].open(log_of(writer), std::ios::app);
      rotated_at_[writer] = now();
    }
    std::ofstream& file = files_[writer];
    for (auto n = 1 + random_() % 30; n > 0; --n) {
      const std::string text = "w" + std::to_string(writer) + " " + std::to_string(next_[writer]++) +
                               std::string(random_() % 60, '.') + "\n";
      const std::size_t half = random_() % 8 == 0 ? random_() % text.size() : 0;
      file.write(text.data(), static_cast<std::streamsize>(half));
      if (half > 0) file.flush();
      file.write(text.data() + half, static_cast<std::streamsize>(text.size() - half));
    }
    file.flush();
  }

  // Renames the older ones up and returns where the newest goes.
  std::string shift(int writer) {
    const std::string log = log_of(writer);
    for (int i = 5; i >= 1; --i) {
      const std::string from = log + "." + std::to_string(i);
      if (fs::exists(from)) fs::rename(from, log + "." + std::to_string(i + 1));
    }
    return log + ".1";
  }

  // Rounds of the reader, two looks for files, of which the second began later, and real time: all must pass for it to
  // have seen something.
  struct Moment {
    std::uint64_t round = 0;
    std::uint64_t look = 0;
    steady_clock::time_point time;
  };
  Moment now() const { return {done_->rounds, done_->looks, steady_clock::now()}; }
  bool seen_since(const Moment& then, std::uint64_t rounds) const {
    return done_->rounds >= then.round + rounds && done_->looks >= then.look + 2 &&
           steady_clock::now() - then.time > milliseconds(400);
  }

  void rotate(int writer) {
    const std::string log = log_of(writer);
    if (!fs::exists(log)) return;
    const auto way = random_() % 8;
    if (way < 3) {
      // As logrotate's create: the program writes to the old file for a while.
      fs::rename(log, shift(writer));
      if (random_() % 2 == 0) write(writer);
      files_[writer].close();
    } else if (way < 7) {
      const std::string to = shift(writer);
      fs::copy_file(log, to);
      fs::resize_file(log, 0);
    } else if (seen_since(started_at_, 10)) {
      // Its reader has it open by now.
      fs::remove(log);
      files_[writer].close();
      deleted_at_ = now();
    }
    rotated_at_[writer] = now();
  }

  std::map<int, std::vector<int>> stored() {
    std::map<int, std::vector<int>> out;
    auto spool = LineSpool::open(rotation_spool(directory_)).value();
    EXPECT_EQ(spool->dropped_lines(), 0U);
    spool->begin();
    wire::LinesDecoder decoder;
    std::uint64_t next = 1;
    while (true) {
      std::string frame;
      const auto encoded = spool->encode(next, wire::kMaxFrameBytes, frame);
      EXPECT_TRUE(encoded);
      if (!encoded || encoded->through == 0) break;
      next = encoded->through + 1;
      const auto body = decoder.decode(std::string_view(frame).substr(wire::kHeaderBytes)).value().body;
      logline::Lines lines;
      EXPECT_TRUE(logline::decode(body, lines));
      for (std::size_t i = 0; i < lines.size(); ++i) {
        int writer = -1;
        int number = -1;
        const std::string text(lines[i].message);
        EXPECT_EQ(std::sscanf(text.c_str(), "w%d %d", &writer, &number), 2) << text;
        out[writer].push_back(number);
      }
    }
    return out;
  }

  std::string directory_;
  pid_t pid_ = 0;
  std::mt19937 random_{static_cast<std::uint32_t>(from_environment("RESMON_ROTATION_SEED", 1))};
  std::map<int, std::ofstream> files_;
  std::map<int, int> next_;
  Done* done_ = nullptr;
  std::map<int, Moment> rotated_at_;
  Moment started_at_;
  Moment deleted_at_;
};

TEST_F(RotationTest, EveryLineOnceAndInOrder) {
  const auto until = steady_clock::now() + std::chrono::seconds(from_environment("RESMON_ROTATION_SECONDS", 8));
  int kills = 0;
  int rotations = 0;
  started_at_ = now();
  start();
  auto next_kill = steady_clock::now() + milliseconds(700);
  while (steady_clock::now() < until) {
    const int writer = static_cast<int>(random_() % kWriters);
    write(writer);
    // A file that nobody has seen under its name is not found under another.
    if (random_() % 30 == 0 && seen_since(rotated_at_[writer], 10)) {
      rotate(writer);
      ++rotations;
    }
    if (steady_clock::now() > next_kill && seen_since(deleted_at_, 30)) {
      stop();
      ++kills;
      for (auto i = random_() % 20; i > 0; --i) write(static_cast<int>(random_() % kWriters));
      started_at_ = now();
      start();
      next_kill = steady_clock::now() + milliseconds(300 + random_() % 3000);
    }
    ::usleep(2000);
  }
  // Files that were quiet are looked at less often: every two seconds.
  const Moment end = now();
  const auto patience = steady_clock::now() + std::chrono::seconds(60);
  while (!(seen_since(end, 100) && steady_clock::now() - end.time > milliseconds(4000)) &&
         steady_clock::now() < patience)
    ::usleep(10'000);
  stop();
  const auto all = stored();
  int lines = 0;
  for (int writer = 0; writer < kWriters; ++writer) {
    const auto found = all.find(writer);
    ASSERT_NE(found, all.end());
    lines += static_cast<int>(found->second.size());
    std::vector<int> expected(static_cast<std::size_t>(next_[writer]));
    for (std::size_t i = 0; i < expected.size(); ++i) expected[i] = static_cast<int>(i);
    if (found->second == expected) continue;
    std::vector<int> sorted = found->second;
    std::sort(sorted.begin(), sorted.end());
    const auto doubled = sorted.end() - std::unique(sorted.begin(), sorted.end());
    const auto at = std::mismatch(found->second.begin(), found->second.end(), expected.begin(), expected.end()).first;
    ADD_FAILURE() << "writer " << writer << ": " << expected.size() << " written, " << found->second.size()
                  << " stored, " << doubled << " doubled; differs at " << (at == found->second.end() ? -1 : *at)
                  << " after " << (at == found->second.begin() || at == found->second.end() ? -1 : *(at - 1)) << " in "
                  << directory_;
  }
  std::printf("# %d lines, %d rotations, %d kills\n", lines, rotations, kills);
  EXPECT_GT(rotations, 3);
  EXPECT_GT(kills, 1);
}

}  // namespace
}  // namespace resmon::uplink
