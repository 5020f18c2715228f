#include "backfill.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <string>
#include <thread>
#include <vector>

#include "store/store_test_support.h"

namespace resmon::server {
namespace {

using store::kSecond;
using store::kStart;

// Takes batches as a sink does. `forget_after`: then the database forgets what was not committed, once.
class Taker {
 public:
  Taker(boost::asio::io_context& context, const metric::SchemaTable& schemas, BackfillSource& source,
        std::size_t commit_until, std::size_t forget_after)
      : schemas_(schemas), source_(source), commit_until_(commit_until), forget_after_(forget_after) {
    boost::asio::co_spawn(context, run(), boost::asio::detached);
  }

  std::vector<std::string> rows;  // "host time", as they came
  std::size_t rewinds = 0;

 private:
  boost::asio::awaitable<void> run() {
    std::size_t taken = 0;
    while (true) {
      if (forget_after_ != 0 && taken == forget_after_) {
        forget_after_ = 0;
        ++rewinds;
        source_.rewind();
      }
      const auto item = co_await source_.next(std::chrono::steady_clock::now() + std::chrono::milliseconds(20));
      if (!item) continue;
      for (const metric::Row& row : item->batch->rows())
        rows.push_back(schemas_[row.schema].tags[0].value + " " + std::to_string((row.time - kStart) / kSecond));
      source_.delivered(item->position);
      if (++taken <= commit_until_) source_.commit(item->position);
    }
  }
  const metric::SchemaTable& schemas_;
  BackfillSource& source_;
  const std::size_t commit_until_;
  std::size_t forget_after_;
};

class BackfillTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = store::Store::open(store::options_in(directory_), stored_);
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = std::move(*opened);
    metric::Batch batch;
    for (const char* const host : {"a", "b"}) {
      const metric::SchemaId id = *stored_.intern({"m", {{"host", host}}, {{"v", metric::FieldType::kFloat}}});
      for (int minute = 0; minute < 180; ++minute) batch.add(id, 1, kStart + minute * 60 * kSecond).set(0, 1.0);
    }
    ASSERT_TRUE(store_->write(batch));
  }

  Result<std::unique_ptr<Backfill>> plan(store::TimeRange range, const std::vector<std::string>& hosts) {
    return Backfill::plan(*store_, schemas_, range, hosts, {}, [] { return true; });
  }

  // What a taker got of it.
  std::vector<std::string> run(Backfill& backfill, std::size_t commit_until = SIZE_MAX, std::size_t forget_after = 0) {
    boost::asio::io_context context;
    BackfillSource source(context.get_executor(), backfill.range().first);
    Taker taker(context, schemas_, source, commit_until, forget_after);
    const auto work = boost::asio::make_work_guard(context);
    std::thread thread([&] { context.run(); });
    const auto all = backfill.run(source, std::chrono::milliseconds(0), [] { return true; });
    context.stop();
    thread.join();
    EXPECT_TRUE(all && *all);
    EXPECT_EQ(source.delivered_before(), backfill.range().last);
    EXPECT_EQ(taker.rewinds, forget_after == 0 ? 0U : 1U);
    return taker.rows;
  }

  store::ScratchDirectory directory_;
  metric::SchemaTable stored_, schemas_;
  std::unique_ptr<store::Store> store_;
};

TEST_F(BackfillTest, SeriesComeInOrderOfTimeAndOnlyThoseThatAreWanted) {
  const auto made = plan({kStart + 60 * kSecond, kStart + 7200 * kSecond}, {"b"});
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ((*made)->range().first, kStart + 60 * kSecond);
  EXPECT_EQ((*made)->range().last, kStart + 7140 * kSecond + 1);
  std::vector<std::string> wanted;
  for (int minute = 1; minute < 120; ++minute) wanted.push_back("b " + std::to_string(minute * 60));
  EXPECT_EQ(run(**made), wanted);
  EXPECT_EQ((*made)->rows(), wanted.size());
  EXPECT_EQ((*made)->done(), 1);

  EXPECT_FALSE(plan({}, {"b", "c"}));
  const auto none = plan({0, kStart}, {});
  ASSERT_TRUE(none);
  EXPECT_EQ((*none)->range().first, (*none)->range().last);
}

TEST_F(BackfillTest, WhatADatabaseForgotComesAgainFromTheLastCommittedHourOn) {
  const auto made = plan({}, {});
  ASSERT_TRUE(made) << made.error().message;
  const std::vector<std::string> once = run(**made);
  ASSERT_EQ(once.size(), 360U);
  // An hour is a batch here. The first is committed, then the third is lost with the second.
  const auto again = plan({}, {});
  const std::vector<std::string> twice = run(**again, 1, 3);
  EXPECT_EQ((*again)->rows(), 360U);
  std::size_t common = 0;
  while (common < once.size() && once[common] == twice[common]) ++common;
  ASSERT_LT(once.size(), twice.size());
  const std::vector<std::string> tail(twice.end() - static_cast<std::ptrdiff_t>(twice.size() - common), twice.end());
  EXPECT_EQ(std::vector<std::string>(once.end() - static_cast<std::ptrdiff_t>(tail.size()), once.end()), tail);
}

}  // namespace
}  // namespace resmon::server
