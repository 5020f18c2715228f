// The store against a map: random writes in and out of order, duplicates, seals, clean and unclean ends, and after each
// step the same answer from both.

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "base/test_rounds.h"
#include "store/check.h"
#include "store/store_test_support.h"

namespace resmon::store {
namespace {

using metric::FieldType;

std::string first_difference(const ShownWindows& shown, const ShownWindows& expected) {
  for (const auto* windows : {&shown, &expected})
    for (const auto& [start, unused] : *windows) {
      const auto text = [&, key = start](const ShownWindows& of) {
        std::string out;
        const auto it = of.find(key);
        if (it == of.end()) return std::string("nothing");
        for (const auto& [name, value] : it->second) out.append(name).append("=").append(value).append(" ");
        return out;
      };
      if (text(shown) != text(expected))
        return std::to_string(start) + " is " + text(shown) + "and should be " + text(expected);
    }
  return {};
}

struct Model {
  std::map<std::string, Shown> groups;  // by tag value
};

class ModelRun {
 public:
  explicit ModelRun(std::uint64_t seed) : random_(seed) {
    options_ = options_in(directory_);
    options_.rows_per_chunk = static_cast<std::uint32_t>(4 + random_() % 60);
    options_.seal_after = std::chrono::seconds(60 + random_() % 600);
    options_.checkpoint_every = std::chrono::seconds(random_() % 30);
    options_.snapshot_every = std::chrono::seconds(random_() % 60);
    // Heads that stay open while snapshots are written.
    if (random_() % 4 == 0) {
      options_.rows_per_chunk = 2000;
      options_.seal_after = std::chrono::hours(24 * 365);
      options_.checkpoint_every = std::chrono::seconds(0);
    }
    if (random_() % 3 == 0) options_.head_limit_bytes = 20'000;
    if (random_() % 4 == 0) options_.minutes.limit_bytes = 8'000;
    if (random_() % 4 == 0) options_.hours.retain = std::chrono::hours(24);
    for (std::size_t host = 0; host < 3; ++host) {
      const std::vector<metric::Tag> tags{{"host", "h" + std::to_string(host)}};
      // Two shapes of one group, which share a column.
      schemas_of_[host][0] =
          schemas_
              .intern({"m", tags, {{"f", FieldType::kFloat}, {"i", FieldType::kInteger}, {"s", FieldType::kString}}})
              .value();
      schemas_of_[host][1] =
          schemas_
              .intern({"m", tags, {{"u", FieldType::kUnsigned}, {"f", FieldType::kFloat}, {"b", FieldType::kBoolean}}})
              .value();
    }
  }

  void run(int steps) {
    open();
    for (int step = 0; step < steps && !::testing::Test::HasFatalFailure(); ++step) {
      now_ += static_cast<UnixNanos>(random_() % 40) * kSecond;
      if (random_() % 20 == 0) now_ += static_cast<UnixNanos>(random_() % 10) * 3600 * kSecond;
      const std::uint64_t dice = random_() % 100;
      if (dice < 73) {
        write();
      } else if (dice < 75) {
        remove();
      } else if (dice < 90) {
        ASSERT_TRUE(store_->maintain(now_).has_value());
      } else if (dice < 95) {
        compare();
      } else if (dice < 98) {
        ASSERT_TRUE(store_->set_mark("position", std::to_string(step)).has_value());
        ASSERT_TRUE(store_->flush().has_value());
        store_.reset();  // as a crash would
        open();
        EXPECT_EQ(store_->mark("position"), std::to_string(step));
        compare();
      } else {
        ASSERT_TRUE(store_->close().has_value());
        EXPECT_EQ(store_->stats().head_rows, 0U);
        store_.reset();
        open();
        compare();
      }
    }
    compare();
    ASSERT_TRUE(store_->close().has_value());
    compare();
    tiers_ += store_->stats().minutes_bytes + store_->stats().hours_bytes > 0;
    store_.reset();
    const Result<CheckReport> report = check(options_.directory);
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_TRUE(report->sound()) << (report->damage.empty() ? "" : report->damage[0]);
    std::uint64_t samples = 0;
    for (const auto& [host, rows] : model_.groups)
      for (const auto& [time, values] : rows) samples += values.size();
    // More where chunks overlap.
    EXPECT_GE(report->samples, samples);
  }

 private:
  void open() {
    Result<std::unique_ptr<Store>> store = Store::open(options_, schemas_);
    ASSERT_TRUE(store) << store.error().message;
    store_ = std::move(*store);
  }

  void write() {
    metric::Batch batch;
    const std::size_t rows = 1 + random_() % 30;
    std::uint64_t expected = 0;
    for (std::size_t i = 0; i < rows; ++i) {
      const std::size_t host = random_() % 3;
      // The last host's rows often have all of its columns: then the newest is shown without being decoded.
      const std::size_t shape = host == 2 ? 1 : random_() % 2;
      UnixNanos time = now_ + static_cast<UnixNanos>(i) * kSecond / 10;
      const std::uint64_t late = random_() % 20;
      if (late == 0) time -= static_cast<UnixNanos>(random_() % 5000) * kSecond;        // late
      if (late == 1) time -= static_cast<UnixNanos>(random_() % 30) * 7'200 * kSecond;  // days late
      if (late < 6) time = time / (10 * kSecond) * (10 * kSecond);  // often a time that is there already
      metric::RowWriter row = batch.add(schemas_of_[host][shape], 3, time);
      auto& model = model_.groups["h" + std::to_string(host)];
      for (std::size_t field = 0; field < 3; ++field) {
        if (random_() % 4 == 0) continue;
        ++expected;
        const auto set = [&](const std::string& name, FieldType type, auto value) {
          row.set(field, value);
          if constexpr (std::is_same_v<decltype(value), std::string_view>)
            model[time][name] = "s" + std::string(value);
          else
            model[time][name] = text_of(type, metric::cell_of(value), {});
        };
        if (shape == 0 && field == 0) set("f", FieldType::kFloat, static_cast<double>(random_() % 1000) / 10);
        if (shape == 0 && field == 1) set("i", FieldType::kInteger, static_cast<std::int64_t>(random_()));
        if (shape == 0 && field == 2)
          set("s", FieldType::kString, std::string_view("abcdefgh").substr(0, random_() % 9));
        if (shape == 1 && field == 0) set("u", FieldType::kUnsigned, std::uint64_t{random_() % 5});
        if (shape == 1 && field == 1) set("f", FieldType::kFloat, std::sqrt(static_cast<double>(random_() % 1000)));
        if (shape == 1 && field == 2) set("b", FieldType::kBoolean, random_() % 2 == 0);
      }
    }
    const Result<WriteReport> report = store_->write(batch);
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_EQ(report->stored_samples, expected);
    EXPECT_EQ(report->refused_samples, 0U) << report->first_refusal;
  }

  void remove() {
    const std::uint64_t host = random_() % 4;  // 3: all
    TimeRange range;
    const std::uint64_t kind = random_() % 8;
    const UnixNanos unit = kind % 2 == 0 ? kSecond : kHourWidth;  // bounds within an hour and between two
    if (kind < 6) {
      range.first = (now_ - static_cast<UnixNanos>(random_() % 90'000) * kSecond) / unit * unit;
      range.last = range.first + static_cast<UnixNanos>(1 + random_() % 30'000) * unit;
    }
    if (kind < 2) range.last = INT64_MAX;
    if (kind == 2) range.first = INT64_MIN;
    const std::string wanted = "h" + std::to_string(host);
    const auto report = store_->remove({[&](std::string_view measurement, const std::vector<metric::Tag>& tags) {
                                          return measurement == "m" && (host == 3 || tags[0].value == wanted);
                                        },
                                        range});
    ASSERT_TRUE(report) << report.error().message;
    for (auto& [name, rows] : model_.groups) {
      if (host != 3 && name != wanted) continue;
      rows.erase(rows.lower_bound(range.first), rows.lower_bound(range.last));
    }
    ++removals_;
    // Without a word more, what was deleted stays so.
    if (random_() % 3 == 0) {
      store_.reset();
      open();
    }
    compare();
  }

  void compare() {
    std::size_t seen = 0;
    for (const Group* group : store_->groups("m")) {
      const Shown& model = model_.groups[group->tags[0].value];
      seen += !model.empty();
      for (int round = 0; round < 4; ++round) {
        TimeRange range;
        if (round >= 2) {
          range.first = now_ - static_cast<UnixNanos>(random_() % 20'000) * kSecond;
          range.last = range.first + static_cast<UnixNanos>(random_() % 20'000) * kSecond;
        }
        const bool descending = round % 2 == 1;
        std::vector<std::string> only;
        if (round == 3) only = {"i", "b"};
        Shown expected;
        for (auto it = model.lower_bound(range.first); it != model.end() && it->first < range.last; ++it) {
          for (const auto& [name, value] : it->second)
            if (only.empty() || name == "i" || name == "b") expected[it->first][name] = value;
        }
        std::string problem;
        const Shown shown = scan_all(*store_, "m", group->id, problem, range, descending, only);
        ASSERT_EQ(problem, "");
        ASSERT_EQ(shown.size(), expected.size());
        ASSERT_TRUE(shown == expected) << "round " << round;
      }
    }
    for (const Group* group : store_->groups("m")) {
      for (const UnixNanos width : {kMinuteWidth, kHourWidth}) {
        TimeRange range{INT64_MIN / width * width, INT64_MAX / width * width};
        if (random_() % 2 == 0) {
          range.first = (now_ - static_cast<UnixNanos>(random_() % 40'000) * kSecond) / width * width;
          range.last = range.first + static_cast<UnixNanos>(random_() % 600) * width;
        }
        const auto aggregates = static_cast<unsigned>(random_() % 2 == 0 ? 31 : 1 + random_() % 31);
        std::string problem;
        const ShownWindows expected =
            scan_all_windows(*store_, "m", group->id, range, width, true, problem, aggregates);
        const ShownWindows shown = scan_all_windows(*store_, "m", group->id, range, width, false, problem, aggregates);
        ASSERT_EQ(problem, "");
        ASSERT_TRUE(shown == expected) << "windows of " << width << ": " << first_difference(shown, expected);
        windows_ += shown.size();
      }
    }
    std::size_t filled = 0;
    for (const auto& [host, rows] : model_.groups) filled += !rows.empty();
    EXPECT_EQ(seen, filled);
  }

  std::mt19937_64 random_;
  ScratchDirectory directory_;
  Options options_;
  metric::SchemaTable schemas_;
  metric::SchemaId schemas_of_[3][2]{};
  std::unique_ptr<Store> store_;
  Model model_;
  UnixNanos now_ = kStart;

 public:
  std::uint64_t windows_ = 0;  // compared
  std::uint64_t tiers_ = 0;    // 1: some were kept
  std::uint64_t removals_ = 0;
};

TEST(StoreModelTest, RandomLives) {
  std::uint64_t windows = 0;
  std::uint64_t tiers = 0;
  std::uint64_t removals = 0;
  constexpr unsigned kLives = test_rounds(25);
  for (std::uint64_t seed = 1; seed <= kLives; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    ModelRun run(seed);
    run.run(150);
    if (::testing::Test::HasFailure()) return;
    windows += run.windows_;
    tiers += run.tiers_;
    removals += run.removals_;
  }
  EXPECT_GT(windows, 40 * kLives);
  EXPECT_GT(tiers, kLives / 2);
  EXPECT_GT(removals, kLives);
}

}  // namespace
}  // namespace resmon::store
