#include "alert/silence_watch.h"

#include <gmock/gmock.h>

#include "alert/test_support.h"

namespace resmon::alert {
namespace {

constexpr std::int64_t kMinute = 60 * kTestSecond;

class SilenceWatchTest : public ::testing::Test {
 protected:
  // The first `down` of `all` hosts were heard of last at `last_seen`, the others now.
  void set_fleet(int all, int down, UnixNanos last_seen) {
    std::vector<fleet::Host> views;
    for (int i = 0; i < all; ++i) {
      fleet::Host& view = views.emplace_back();
      view.name = "web" + std::to_string(i);
      view.state = i < down ? fleet::State::kDown : fleet::State::kUp;
      view.last_seen = i < down ? last_seen : now_;
    }
    (void)hosts_.update(views, false);
  }
  bool tick() {
    watch_.begin(now_);
    return watch_.look(hosts_, now_);
  }
  // Until the grace is over; the process runs on.
  void pass(std::int64_t time) {
    for (const UnixNanos end = now_ + time; now_ < end;) {
      now_ += kTestSecond;
      watch_.begin(now_);
    }
  }
  const HostState& host(int i) const { return *hosts_.find("web" + std::to_string(i)); }

  const Config config_{};
  const RuleSet rules_{config_};
  Hosts hosts_{rules_};
  SilenceWatch watch_;
  UnixNanos now_ = kTestStart;
};

TEST_F(SilenceWatchTest, WhoWasNotHeardOfSinceTheStartHasAGrace) {
  set_fleet(2, 1, now_ - kMinute);
  EXPECT_FALSE(tick());
  EXPECT_TRUE(watch_.grace(now_));
  EXPECT_TRUE(host(0).unheard);
  EXPECT_FALSE(host(0).silent);
  EXPECT_FALSE(host(1).unheard);
  pass(2 * kMinute - kTestSecond);
  EXPECT_TRUE(watch_.grace(now_));
  pass(kTestSecond);
  EXPECT_FALSE(watch_.grace(now_));
  EXPECT_FALSE(tick());
  EXPECT_FALSE(host(0).unheard);
  EXPECT_TRUE(host(0).silent);
}

TEST_F(SilenceWatchTest, WhoFellSilentSinceTheStartIsSilentAtOnce) {
  EXPECT_FALSE(tick());
  set_fleet(1, 1, now_ + kTestSecond);
  EXPECT_FALSE(tick());
  EXPECT_TRUE(host(0).silent);
}

TEST_F(SilenceWatchTest, APauseOfTheProcessBeginsTheGraceAnew) {
  (void)tick();
  pass(3 * kMinute);
  now_ += 30 * kTestSecond;
  (void)tick();
  EXPECT_FALSE(watch_.grace(now_)) << "half a minute is none";
  now_ += 31 * kTestSecond;
  (void)tick();
  EXPECT_TRUE(watch_.grace(now_));
}

TEST_F(SilenceWatchTest, MostHostsAtOnceAreOneEventOnceItSettled) {
  (void)tick();
  pass(3 * kMinute);
  set_fleet(9, 5, now_ - kTestSecond);
  EXPECT_FALSE(tick());
  EXPECT_EQ(watch_.expected_hosts(), 9U);
  pass(9 * kTestSecond);
  EXPECT_FALSE(tick());
  pass(kTestSecond);
  EXPECT_TRUE(tick());
  set_fleet(9, 4, now_ - kTestSecond);
  EXPECT_FALSE(tick());
  set_fleet(9, 5, now_ - kTestSecond);
  EXPECT_FALSE(tick()) << "it begins again";
}

TEST_F(SilenceWatchTest, HalfOfThemIsNone) {
  (void)tick();
  pass(3 * kMinute);
  set_fleet(10, 5, now_ - kTestSecond);
  EXPECT_FALSE(tick());
  pass(kMinute);
  EXPECT_FALSE(tick());
}

TEST_F(SilenceWatchTest, FourAreTooFew) {
  (void)tick();
  pass(3 * kMinute);
  set_fleet(4, 4, now_ - kTestSecond);
  EXPECT_FALSE(tick());
  pass(kMinute);
  EXPECT_FALSE(tick());
}

TEST_F(SilenceWatchTest, WhoIsSilentForLongIsNotExpected) {
  (void)tick();
  pass(3 * kMinute);
  set_fleet(10, 6, now_ - 11 * kMinute);
  EXPECT_FALSE(tick());
  EXPECT_EQ(watch_.expected_hosts(), 4U);
  pass(kMinute);
  EXPECT_FALSE(tick());
}

}  // namespace
}  // namespace resmon::alert
