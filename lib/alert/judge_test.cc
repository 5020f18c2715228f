#include "alert/judge.h"

#include <gmock/gmock.h>

#include "alert/alert_table.h"
#include "alert/hosts.h"
#include "alert/test_support.h"

namespace resmon::alert {
namespace {

// One rule named r on one host, and one alert of it.
class Judged {
 public:
  explicit Judged(const std::string& rule) : config_(only_rules("[rule.r]\n" + rule)) { host_.newest = kTestStart; }

  // A value of the alert's own series.
  void set(std::uint32_t operand, double value) { alert_.track(operand, what(operand)).add(++time_, value); }
  void set_text(std::uint32_t operand, std::string_view text) {
    alert_.track(operand, what(operand)).add_text(++time_, text);
  }
  void set_side(std::uint32_t operand, const std::string& series, double value) {
    host_.side({0, operand}, what(operand), series).add(++time_, value);
  }
  const Operand& what(std::uint32_t operand) const { return config_.rules[0].when.operands[operand]; }
  Truth holds() const { return judge_.holds(alert_); }
  Truth cleared() const { return judge_.cleared(alert_); }

  const Config config_;
  const RuleSet rules_{config_};
  const Judge judge_{rules_};
  Hosts hosts_{rules_};
  HostState& host_ = hosts_.get("web1", false);
  AlertTable alerts_{rules_, 10};
  Alert& alert_ = *alerts_.get(host_, 0, {});
  UnixNanos time_ = kTestStart;
};

TEST(JudgeTest, WhatHasNoValueIsUnknown) {
  Judged one("when = 'a.b > 1'\n");
  EXPECT_EQ(one.holds(), Truth::kUnknown);
  EXPECT_EQ(one.cleared(), Truth::kUnknown);
  one.set(0, 1);
  EXPECT_EQ(one.holds(), Truth::kFalse);
  EXPECT_EQ(one.cleared(), Truth::kTrue);
  one.set(0, 1.5);
  EXPECT_EQ(one.holds(), Truth::kTrue);
  EXPECT_EQ(one.cleared(), Truth::kFalse);
}

// What is not known matters where the other side does not decide.
TEST(JudgeTest, AndAndOrOfWhatIsNotKnown) {
  for (const auto& [word, value, expected] : {std::tuple("and", 2.0, Truth::kUnknown),
                                              {"and", 0.0, Truth::kFalse},
                                              {"or", 2.0, Truth::kTrue},
                                              {"or", 0.0, Truth::kUnknown}})
    for (const std::uint32_t known : {0U, 1U}) {
      Judged one(std::string("when = 'a.b > 1 ") + word + " a.c > 1'\n");
      one.set(known, value);
      EXPECT_EQ(one.holds(), expected) << word << value << known;
      one.set(1 - known, value);
      EXPECT_EQ(one.holds(), value > 1 ? Truth::kTrue : Truth::kFalse);
    }
}

TEST(JudgeTest, NothingIsDividedByZero) {
  Judged one("when = 'a.b / a.c > 2'\n");
  one.set(0, 10);
  EXPECT_EQ(one.holds(), Truth::kUnknown);
  EXPECT_EQ(one.judge_.shown_value(one.alert_), std::nullopt);
  one.set(1, 0);
  EXPECT_EQ(one.holds(), Truth::kUnknown);
  EXPECT_EQ(one.judge_.shown_value(one.alert_), std::nullopt);
  one.set(1, 4);
  EXPECT_EQ(one.holds(), Truth::kTrue);
  EXPECT_EQ(one.judge_.shown_value(one.alert_), 2.5);
}

TEST(JudgeTest, TheFirstLimitIsTheHosts) {
  Judged one("when = 'a.b > 10 or a.c > 10'\n");
  one.host_.rules[0].limit = 20;
  one.set(0, 15);
  one.set(1, 0);
  EXPECT_EQ(one.holds(), Truth::kFalse);
  one.set(1, 15);
  EXPECT_EQ(one.holds(), Truth::kTrue);
  EXPECT_EQ(one.judge_.first_true(one.alert_), 1U);
  one.set(0, 21);
  EXPECT_EQ(one.judge_.first_true(one.alert_), 0U);
  EXPECT_EQ(limit_of(one.alert_), 20);
}

TEST(JudgeTest, AnAlertIsOverAtItsOwnLimit) {
  Judged one("when = 'a.b > 10'\nclear = 5\n");
  one.set(0, 7);
  EXPECT_EQ(one.holds(), Truth::kFalse);
  EXPECT_EQ(one.cleared(), Truth::kFalse);
  one.set(0, 5);
  EXPECT_EQ(one.cleared(), Truth::kTrue);
  one.host_.rules[0].clear.reset();
  one.host_.rules[0].limit = 4;
  EXPECT_EQ(one.cleared(), Truth::kFalse) << "a host with a limit of its own and no `clear`";
}

TEST(JudgeTest, AConditionOfItsOwnEndsAnAlert) {
  Judged one("when = 'a.b > 10'\nclear = 'a.b < 3'\n");
  one.set(0, 4);
  EXPECT_EQ(one.cleared(), Truth::kFalse);
  one.set(0, 2);
  EXPECT_EQ(one.cleared(), Truth::kTrue);
}

TEST(JudgeTest, OfOtherSeriesAnyCountsWithItsOwnDivisor) {
  Judged one("when = 'a.b > 1 and x.y / x.z > 2'\n");
  one.set(0, 2);
  EXPECT_EQ(one.holds(), Truth::kUnknown);
  one.set_side(1, "first", 10);
  EXPECT_EQ(one.holds(), Truth::kUnknown) << "without a divisor";
  one.set_side(2, "second", 1);
  EXPECT_EQ(one.holds(), Truth::kUnknown) << "it is another series'";
  one.set_side(2, "first", 10);
  EXPECT_EQ(one.holds(), Truth::kFalse);
  one.set_side(1, "second", 3);
  EXPECT_EQ(one.holds(), Truth::kTrue);
  EXPECT_EQ(one.judge_.first_true(one.alert_), 0U);
}

TEST(JudgeTest, TextsAreEqualOrNot) {
  for (const bool equal : {true, false}) {
    Judged one(std::string("when = 'a.b ") + (equal ? "==" : "!=") + " \"good\"'\n");
    EXPECT_EQ(one.holds(), Truth::kUnknown);
    one.set_text(0, "good");
    EXPECT_EQ(one.holds(), equal ? Truth::kTrue : Truth::kFalse);
    one.set_text(0, "bad");
    EXPECT_EQ(one.holds(), equal ? Truth::kFalse : Truth::kTrue);
    EXPECT_EQ(one.judge_.shown_value(one.alert_), std::nullopt);
  }
}

TEST(JudgeTest, AbsenceIsCountedByTheHostsNewestRow) {
  Judged one("when = 'a.b absent for 60s'\n");
  EXPECT_EQ(one.holds(), Truth::kUnknown) << "it was never there";
  one.set(0, 1);
  one.host_.newest = one.time_ + 59 * kTestSecond;
  EXPECT_EQ(one.holds(), Truth::kFalse);
  one.host_.newest = one.time_ + 61 * kTestSecond;
  EXPECT_EQ(one.holds(), Truth::kTrue);
  EXPECT_EQ(one.judge_.shown_value(one.alert_), 61);
}

}  // namespace
}  // namespace resmon::alert
