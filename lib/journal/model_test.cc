// Random operations against a model, on a file system that misbehaves. Every failure prints its seed:
// RESMON_JOURNAL_SEED=N runs that one alone, RESMON_JOURNAL_SEEDS=N that many.

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>

#include "base/test_rounds.h"
#include "journal/journal.h"
#include "journal/simulated_files.h"

namespace resmon::journal {
namespace {

struct Item {
  std::uint64_t id = 0;
  bool acknowledged = false;
  int session = 0;
};

// What a producer with definitions would write: its own number, and that of the record its segment began with.
std::string payload_of(std::uint64_t id, std::uint64_t definition, std::size_t size) {
  std::string payload(16 + size, '\0');
  std::memcpy(payload.data(), &id, 8);
  std::memcpy(payload.data() + 8, &definition, 8);
  for (std::size_t i = 0; i < size; ++i) payload[16 + i] = static_cast<char>(id * 31 + i);
  return payload;
}

bool parse_payload(std::string_view payload, std::uint64_t& id, std::uint64_t& definition) {
  if (payload.size() < 16) return false;
  std::memcpy(&id, payload.data(), 8);
  std::memcpy(&definition, payload.data() + 8, 8);
  return payload == payload_of(id, definition, payload.size() - 16);
}

class Consumer {
 public:
  ReaderOptions options;
  Reader* reader = nullptr;
  std::set<std::uint64_t> delivered;
  std::map<std::uint64_t, std::uint64_t> seen;  // position to id
  std::uint64_t definition = 0;
  std::uint64_t last = 0;       // delivered in this session
  std::uint64_t committed = 0;  // at most this is durable
  std::uint64_t committed_durably = 0;
};

class Run {
 public:
  Run(unsigned seed, bool corrupt) : corrupt_(corrupt), random_(seed), files_(seed * 7 + 1) {
    options_.directory = "j";
    options_.files = &files_;
    options_.own_thread = false;
    options_.segment_bytes = 4096U << pick(3);
    options_.limit_bytes = (128U << 10U) + pick(3) * 50000;
    options_.buffer_bytes = 16384U << pick(3);
    options_.cache_bytes = pick(2) * 8192;
    options_.preallocate = pick(2) == 0;
    options_.never_reuse_positions = pick(2) == 0;
    options_.reserve_positions = 4U << pick(8);
    keeper_.options.name = "keeper";
    loser_.options.name = "loser";
    loser_.options.loss = Loss::kOldest;
    with_keeper_ = pick(3) != 0;
    for (Consumer* one : {&keeper_, &loser_}) {
      one->options.buffer_bytes = 512U << pick(6);
      if (options_.never_reuse_positions && pick(2) == 0) one->options.see = ReaderOptions::See::kAppended;
    }
  }

  void go(int steps) {
    open();
    for (int i = 0; i < steps && !::testing::Test::HasFailure(); ++i) {
      step();
      if (files_.crashed) crash();
      check_limit();
    }
    if (::testing::Test::HasFailure()) return;
    finish();
  }
  std::uint64_t operations() const { return files_.operations; }

 private:
  std::uint64_t pick(std::uint64_t below) { return random_() % below; }

  void open() {
    ++session_;
    files_.highest_usage = 0;
    allowed_ = std::max(options_.limit_bytes, files_.usage());
    auto opened = Journal::open(options_);
    ASSERT_TRUE(opened) << opened.error().message;
    journal_ = std::move(opened).value();
    definition_ = 0;
    for (Consumer* one : consumers()) {
      auto reader = journal_->reader(one->options);
      ASSERT_TRUE(reader) << reader.error().message;
      one->reader = *reader;
      one->definition = 0;
      one->last = 0;
      if (corrupt_) continue;
      if (one->options.loss == Loss::kNever) {
        for (auto at = items_.upper_bound(one->committed); at != items_.end() && at->first <= one->reader->committed();
             ++at) {
          EXPECT_FALSE(at->second.acknowledged) << "passed over " << at->first;
        }
      }
      EXPECT_GE(one->reader->committed(), one->committed_durably) << one->options.name;
      one->committed = one->reader->committed();
    }
  }

  std::vector<Consumer*> consumers() {
    if (with_keeper_) return {&keeper_, &loser_};
    return {&loser_};
  }

  void step() {
    switch (pick(16)) {
      case 0:
      case 1:
      case 2:
      case 3:
      case 4:
      case 5:
        append();
        break;
      case 6:
        commit();
        break;
      case 7:
        if (pick(2) == 0)
          commit();
        else
          (void)journal_->hand_over(std::chrono::milliseconds(0));
        break;
      case 8:
      case 9:
      case 10:
        read(pick(4) == 0 ? keeper_ : loser_);
        break;
      case 11:
        read(keeper_);
        break;
      case 12:
        if (pick(3) == 0) files_.fail_ratio = pick(3) == 0 ? 0.3 : 0;
        if (pick(6) == 0) files_.capacity = pick(2) == 0 ? files_.usage() + pick(20000) : ~std::uint64_t{0};
        break;
      case 13:
        if (files_.crash_in < 0 && pick(4) == 0) files_.crash_in = static_cast<std::int64_t>(pick(40));
        break;
      case 14:
        if (pick(8) == 0) restart();
        break;
      default:
        if (pick(4) == 0) {
          Consumer& one = pick(2) == 0 || !with_keeper_ ? loser_ : keeper_;
          crashed_ = true;
          one.reader->rewind();
          one.last = 0;
          one.definition = 0;
        }
    }
  }

  void append() {
    const std::size_t count = pick(3) == 0 ? 1 + pick(20) : 1;
    const std::size_t size = pick(10) == 0 ? pick(3000) : pick(200);
    const bool fresh = journal_->begins_segment(count * (size + 32)) || definition_ == 0;
    const std::size_t records = fresh ? 1 : count;
    std::vector<std::string> payloads;
    for (std::size_t i = 0; i < records; ++i)
      payloads.push_back(payload_of(next_id_ + i, fresh ? next_id_ : definition_, size));
    const std::vector<std::string_view> batch(payloads.begin(), payloads.end());
    // Now and then at a position of its own choice, which leaves some out.
    const bool skip = records == 1 && fresh && last_position_ > 0 && pick(6) == 0;
    auto appended = skip ? journal_->append_at(journal_->stats().last_position + 1 + pick(20), batch[0], size)
                         : journal_->append(batch);
    if (!appended) {
      EXPECT_EQ(appended.error().kind, ErrorKind::kUnavailable) << appended.error().message;
      return;
    }
    EXPECT_EQ(appended->last - appended->first + 1, records);
    if (fresh && !appended->began_segment) {
      EXPECT_NE(definition_, 0U);
    }
    if (fresh) definition_ = next_id_;
    if (!fresh) {
      EXPECT_FALSE(appended->began_segment);
    }
    for (std::size_t i = 0; i < records; ++i) {
      const auto old = items_.find(appended->first + i);
      if (old != items_.end() && !corrupt_) {
        EXPECT_FALSE(old->second.acknowledged) << "position given out twice";
      }
      items_[appended->first + i] = {next_id_ + i, false, session_};
      ever_[appended->first + i].insert(next_id_ + i);
    }
    next_id_ += records;
    last_position_ = std::max(last_position_, appended->last);
    acknowledge();
  }

  void acknowledge() {
    const std::uint64_t durable = journal_->durable_position();
    for (auto at = items_.lower_bound(acknowledged_ + 1); at != items_.end() && at->first <= durable; ++at)
      if (at->second.session == session_) at->second.acknowledged = true;
    acknowledged_ = std::max(acknowledged_, durable);
  }

  void commit() {
    std::map<Consumer*, std::uint64_t> before;
    for (Consumer* one : consumers()) before[one] = one->committed;
    const Status done = journal_->commit();
    if (files_.crashed) return;  // durable or not, nobody was told
    acknowledge();
    if (!done) return;
    EXPECT_EQ(journal_->durable_position(), journal_->stats().last_position);
    for (Consumer* one : consumers()) one->committed_durably = std::max(one->committed_durably, before[one]);
  }

  void read(Consumer& one) {
    if (one.reader == nullptr) return;
    const auto got = one.reader->read(pick(2) == 0 ? 1 : pick(20000) + 1);
    if (!got) return;
    got_some_ = !got->empty();
    for (const Record& record : *got) {
      std::uint64_t id = 0;
      std::uint64_t definition = 0;
      ASSERT_TRUE(parse_payload(record.payload, id, definition)) << "position " << record.position;
      const auto item = items_.find(record.position);
      ASSERT_NE(item, items_.end());
      // After damage, what had been cut off may come back where its successor was lost.
      // And what was never acknowledged may be any that was appended there.
      if (corrupt_ || !item->second.acknowledged) {
        ASSERT_TRUE(ever_[record.position].contains(id)) << "position " << record.position;
      } else {
        ASSERT_EQ(item->second.id, id) << "position " << record.position;
      }
      if (one.options.see == ReaderOptions::See::kDurable && item->second.session == session_) {
        EXPECT_LE(record.position, journal_->durable_position());
      }
      if (record.starts_segment) one.definition = id;
      if (!corrupt_ && !(record.starts_segment && definition != id)) {
        EXPECT_EQ(one.definition == 0 ? 0 : definition, definition) << one.options.name << " " << record.position;
      }
      if (!corrupt_) {
        EXPECT_NE(one.definition, 0U) << "not replayed from the segment's start";
      }
      if (record.replayed) continue;
      ASSERT_GT(record.position, one.last);
      if (one.last == 0 && !corrupt_ && one.options.loss == Loss::kNever) {
        EXPECT_GT(record.position, one.reader->committed());
      }
      one.last = record.position;
      one.delivered.insert(record.position);
      const auto [again, fresh] = one.seen.emplace(record.position, id);
      if (options_.never_reuse_positions && !fresh && !corrupt_) {
        EXPECT_EQ(again->second, id) << "one position, two contents";
      }
      again->second = id;
    }
    if (one.last > 0 && pick(2) == 0) {
      const std::uint64_t position = one.last - std::min(one.last - 1, pick(3));
      one.reader->commit(position);
      one.committed = std::max(one.committed, position);
    }
  }

  void restart() {
    acknowledge();
    (void)journal_->close();
    if (!files_.crashed) acknowledge();
    crash();
  }

  // The process ends; unless it only restarts, the machine does, too.
  void crash() {
    crashed_ = true;
    const bool machine = files_.crashed || pick(2) == 0;
    keeper_.reader = loser_.reader = nullptr;
    journal_.reset();
    if (machine) files_.recover();
    files_.crash_in = -1;
    files_.fail_ratio = 0;
    if (corrupt_ && pick(2) == 0) damage();
    if (pick(8) == 0) {
      options_.limit_bytes = (128U << 10U) + pick(4) * 40000;
      options_.segment_bytes = 4096U << pick(3);
    }
    open();
  }

  void damage() {
    for (auto at = files_.names.begin(); at != files_.names.end();) {
      auto& data = at->second->data;
      const auto what = pick(6);
      if (what == 0 && !data.empty()) {
        for (auto flips = 1 + pick(5); flips > 0; --flips) data[pick(data.size())] ^= static_cast<char>(1U << pick(8));
      } else if (what == 1 && !data.empty()) {
        const std::size_t begin = pick(data.size());
        const std::size_t size = std::min<std::size_t>(data.size() - begin, 1 + pick(5000));
        for (std::size_t i = 0; i < size; ++i) data[begin + i] = pick(3) == 0 ? '\0' : static_cast<char>(pick(256));
      } else if (what == 2 && pick(4) == 0) {
        at = files_.names.erase(at);
        continue;
      } else if (what == 3 && pick(4) == 0) {
        data.resize(pick(data.size() + 1));
      }
      ++at;
    }
    if (pick(6) == 0) files_.names["j/" + std::string("stranger")] = std::make_shared<SimulatedFiles::Inode>();
  }

  void check_limit() {
    if (corrupt_) return;
    ASSERT_LE(files_.highest_usage, allowed_) << "limit " << options_.limit_bytes;
    if (files_.usage() <= options_.limit_bytes) {
      allowed_ = options_.limit_bytes;
      files_.highest_usage = 0;
    }
  }

  void finish() {
    files_.fail_ratio = 0;
    files_.capacity = ~std::uint64_t{0};
    files_.crash_in = -1;
    const auto drain = [&] {
      for (Consumer* one : consumers()) {
        do {
          got_some_ = false;
          read(*one);
          if (::testing::Test::HasFatalFailure()) return;
        } while (got_some_);
        if (one->last > 0) one->reader->commit(one->last);
        one->committed = std::max(one->committed, one->last);
      }
    };
    drain();
    (void)journal_->commit();
    drain();
    // All is well again, so is the journal.
    ASSERT_TRUE(journal_->commit());
    const std::uint64_t id = next_id_;
    std::uint64_t mine = 0;
    for (int i = 0; i < 3; ++i) {
      auto appended = journal_->append(payload_of(next_id_, next_id_, 10));
      ASSERT_TRUE(appended) << appended.error().message;
      ever_[appended->first].insert(next_id_);
      items_[appended->first] = {next_id_++, false, session_};
      mine = appended->first;
    }
    ASSERT_TRUE(journal_->commit()) << id;
    acknowledge();
    EXPECT_GE(journal_->durable_position(), mine);
    drain();
    for (Consumer* one : consumers()) {
      EXPECT_TRUE(one->delivered.contains(mine)) << one->options.name;
      if (corrupt_) continue;
      std::uint64_t missing = 0;
      std::uint64_t missing_position = 0;
      for (const auto& [position, item] : items_) {
        if (!item.acknowledged || one->delivered.contains(position)) continue;
        ++missing;
        missing_position = position;
      }
      const ReaderStats stats = one->reader->stats();
      if (one->options.loss == Loss::kNever) {
        EXPECT_EQ(missing, 0U) << "lost " << missing_position;
        EXPECT_EQ(stats.dropped_records, 0U);
      } else if (crashed_) {
        EXPECT_LE(missing, stats.dropped_records) << missing_position;
      } else {
        EXPECT_EQ(missing, stats.dropped_records) << missing_position;
      }
      EXPECT_EQ(stats.damaged_records, 0U) << one->options.name;
    }
  }

  const bool corrupt_;
  std::mt19937_64 random_;
  SimulatedFiles files_;
  Options options_;
  std::unique_ptr<Journal> journal_;
  std::map<std::uint64_t, Item> items_;
  std::map<std::uint64_t, std::set<std::uint64_t>> ever_;
  Consumer keeper_;
  Consumer loser_;
  bool with_keeper_ = true;
  bool got_some_ = false;
  bool crashed_ = false;  // or went back: what was delivered, not committed and dropped then counts as dropped
  int session_ = 0;
  std::uint64_t next_id_ = 1;
  std::uint64_t definition_ = 0;
  std::uint64_t last_position_ = 0;
  std::uint64_t acknowledged_ = 0;
  std::uint64_t allowed_ = 0;
};

void run_seeds(bool corrupt, unsigned count) {
  unsigned from = 1;
  if (const char* const one = std::getenv("RESMON_JOURNAL_SEED"))
    from = static_cast<unsigned>(std::atoi(one)), count = 1;
  if (const char* const many = std::getenv("RESMON_JOURNAL_SEEDS")) count = static_cast<unsigned>(std::atoi(many));
  std::uint64_t operations = 0;
  for (unsigned seed = from; seed < from + count; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Run run(seed, corrupt);
    run.go(300);
    operations += run.operations();
    if (::testing::Test::HasFailure()) return;
  }
  ::testing::Test::RecordProperty("file_operations", std::to_string(operations));
}

TEST(JournalModel, KeepsWhatItAcknowledgedThroughCrashesAndFailures) {
  run_seeds(false, test_rounds(2000));
}
TEST(JournalModel, SurvivesDamageAnywhere) {
  run_seeds(true, test_rounds(1000));
}

}  // namespace
}  // namespace resmon::journal
