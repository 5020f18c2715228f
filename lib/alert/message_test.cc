#include "alert/message.h"

#include <gtest/gtest.h>

#include "alert/book.h"

namespace resmon::alert {
namespace {

Message told(MessageKind kind, std::vector<std::pair<std::string, UnixNanos>> items) {
  Message out;
  out.kind = kind;
  out.title = "title of " + items.front().first;
  for (auto& [key, ended] : items) {
    MessageItem item;
    item.key = key;
    item.ended = ended;
    out.items.push_back(std::move(item));
  }
  out.alerts = out.items.size();
  return out;
}

TEST(Message, OutlivesTheOutbox) {
  Message message = told(MessageKind::kFiring, {{"a", 0}});
  message.items[0].points = {1, 2.5, 3};
  message.items[0].chart_limit = 90;
  message.items[0].errors = {"sshd: failed"};
  message.items[0].processes = {"make 99 %"};
  const auto back = Message::from_json(message.to_json());
  ASSERT_TRUE(back);
  EXPECT_EQ(back->to_json(), message.to_json());
  EXPECT_EQ(back->items[0].points, message.items[0].points);
  EXPECT_EQ(back->items[0].chart_limit, 90);
  message.alerts = 60;
  EXPECT_NE(message.plain_text().find("and 59 more"), std::string::npos);
  EXPECT_FALSE(Message::from_json("nonsense"));
  EXPECT_NE(back->plain_text().find("Last errors in its log:\n  sshd: failed\n"), std::string::npos);
}

// Messages that waited for a channel's rate limit are merged. If an alert fired and ended in between, the end counts.
TEST(Message, SeveralThatWaitedAreOne) {
  const Message one =
      merge({told(MessageKind::kFiring, {{"a", 0}, {"b", 0}}), told(MessageKind::kResolved, {{"a", 9}})});
  EXPECT_EQ(one.title, "2 messages, the newest: title of a");
  EXPECT_EQ(one.alerts, 3U);
  ASSERT_EQ(one.items.size(), 2U);
  EXPECT_EQ(one.items[0].ended, 9);
  EXPECT_EQ(one.items[1].key, "b");
  EXPECT_EQ(one.kind, MessageKind::kFiring) << "b goes on";
  EXPECT_EQ(merge({told(MessageKind::kResolved, {{"a", 9}}), told(MessageKind::kResolved, {{"b", 9}})}).kind,
            MessageKind::kResolved);
  EXPECT_EQ(merge({told(MessageKind::kReminder, {{"a", 0}})}).title, "title of a");
}

TEST(Message, AValueThatHardlyMovesIsALevelLine) {
  EXPECT_EQ(sparkline({100, 99.2, 99.1}), "▁▁▁") << "not a cliff";
  EXPECT_EQ(sparkline({0, 50, 100}), "▁▅█");
  EXPECT_EQ(sparkline({0, 0}), "▁▁");
  EXPECT_EQ(sparkline({1}), "");
}

TEST(Message, IsTriedAgainLaterEachTimeUpToTenMinutes) {
  constexpr std::int64_t kSeconds = 1'000'000'000;
  EXPECT_EQ(retry_wait(0), 5 * kSeconds);
  EXPECT_EQ(retry_wait(1), 10 * kSeconds);
  EXPECT_EQ(retry_wait(6), 320 * kSeconds);
  EXPECT_EQ(retry_wait(7), 600 * kSeconds);
  EXPECT_EQ(retry_wait(1'000'000), 600 * kSeconds);
}

TEST(Message, TemplatesAndValues) {
  Rule rule;
  rule.name = "disk";
  MessageItem item;
  item.host = "web1";
  item.value = "95 %";
  item.tags = {{"path", "/"}};
  EXPECT_EQ(fill_template("{host} {path} {value} {nothing} {", rule, item), "web1 / 95 % {nothing} {");
  EXPECT_EQ(sparkline({0, 7, 3.5}), "▁█▅");
  EXPECT_EQ(duration_text(3 * 3600 * kTestSecond), "3 h 0 min");
}

}  // namespace
}  // namespace resmon::alert
