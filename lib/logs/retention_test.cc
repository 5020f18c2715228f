#include "logs/retention.h"

#include <gtest/gtest.h>

namespace resmon::logs {
namespace {

TEST(RetentionRulesTest, TheFirstPatternThatFitsCounts) {
  Options options;
  options.retain = std::chrono::seconds(100);
  options.retention = {{"audit", "audit*", std::chrono::seconds(0), 0}, {"all", "a*", std::chrono::seconds(5), 7}};
  const RetentionRules rules(options);
  EXPECT_EQ(rules.rule_of("auditd"), &options.retention[0]);
  EXPECT_EQ(rules.rule_of("app"), &options.retention[1]);
  EXPECT_EQ(rules.rule_of("nginx"), nullptr);
  constexpr UnixNanos kNow = 1'000'000'000'000;
  EXPECT_EQ(rules.oldest_shown("auditd", kNow), INT64_MIN) << "without a bound";
  EXPECT_EQ(rules.oldest_shown("app", kNow), kNow - 5'000'000'000);
  EXPECT_EQ(rules.oldest_shown("nginx", kNow), kNow - 100'000'000'000);
}

}  // namespace
}  // namespace resmon::logs
