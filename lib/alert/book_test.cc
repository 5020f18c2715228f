#include "alert/book.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <filesystem>

namespace resmon::alert {
namespace {

class BookTest : public ::testing::Test {
 protected:
  void SetUp() override {
    path_ = (std::filesystem::temp_directory_path() / ("resmon-book-" + std::to_string(::getpid()))).string();
    TearDown();
    open();
  }
  void TearDown() override {
    for (const char* end : {"", "-wal", "-shm"}) std::filesystem::remove(path_ + end);
  }
  void open() {
    book.reset();
    auto opened = Book::open(path_);
    ASSERT_TRUE(opened) << opened.error().message;
    book = std::move(*opened);
  }
  static AlertRecord firing() {
    AlertRecord record;
    record.rule = "disk";
    record.host = "web1";
    record.tags = {{"path", "/\"x\""}};
    record.state = AlertState::kFiring;
    record.since = 5;
    record.value = 95.25;
    record.notified = true;
    record.acknowledged_by = "mia";
    record.evaluated = 6;
    record.gap = 7;
    record.clear_since = 8;
    record.rule_mark = 0xfedcba9876543210;
    record.when = "disk.used_percent > 90";
    record.limit = 90;
    record.severity = Severity::kCritical;
    record.channels = {"phone", "mail"};
    record.reason = "its rule was removed";
    return record;
  }
  static Outgoing message(const std::string& channel) {
    Outgoing out;
    out.channel = channel;
    out.message.title = "a title";
    return out;
  }

  std::unique_ptr<Book> book;
  std::string path_;
};

TEST_F(BookTest, KeepsStateOutboxHistoryAndPositionTogether) {
  HistoryEntry entry;
  entry.time = 7;
  entry.rule = "disk";
  entry.host = "web1";
  entry.state = "firing";
  entry.value = 95.25;
  ASSERT_TRUE(book->keep({1, 2, 3, 4}, {firing()}, {entry}, {message("phone")}, 10));
  open();  // as after a kill
  const auto kept = book->load();
  ASSERT_TRUE(kept);
  ASSERT_EQ(kept->alerts.size(), 1U);
  EXPECT_EQ(kept->alerts[0].key(), firing().key());
  EXPECT_EQ(kept->alerts[0].value, 95.25);
  EXPECT_TRUE(kept->alerts[0].notified);
  EXPECT_EQ(kept->alerts[0].acknowledged_by, "mia");
  EXPECT_EQ(kept->alerts[0].evaluated, 6);
  EXPECT_EQ(kept->alerts[0].gap, 7);
  EXPECT_EQ(kept->alerts[0].clear_since, 8);
  EXPECT_EQ(kept->alerts[0].rule_mark, firing().rule_mark);
  EXPECT_EQ(kept->alerts[0].when, firing().when);
  EXPECT_EQ(kept->alerts[0].limit, 90);
  EXPECT_EQ(kept->alerts[0].severity, Severity::kCritical);
  EXPECT_EQ(kept->alerts[0].channels, firing().channels);
  EXPECT_EQ(kept->alerts[0].reason, firing().reason);
  EXPECT_EQ(kept->mark->position, 2U);
  const auto due = book->due(10, 10);
  ASSERT_TRUE(due);
  ASSERT_EQ(due->size(), 1U);
  EXPECT_EQ(Message::from_json((*due)[0].message)->title, "a title");
  const auto history = book->history(0, 10, "", "");
  ASSERT_TRUE(history);
  ASSERT_EQ(history->size(), 1U);
  EXPECT_EQ((*history)[0].value, 95.25);
}

TEST_F(BookTest, AFailedMessageWaitsAndADeliveredOneIsGone) {
  ASSERT_TRUE(book->keep({}, {}, {}, {message("a"), message("b")}, 10));
  auto due = book->due(10, 10);
  ASSERT_EQ(due->size(), 2U);
  ASSERT_TRUE(book->failed({(*due)[0].id}, 100, "refused"));
  ASSERT_TRUE(book->delivered({(*due)[1].id}));
  EXPECT_TRUE(book->due(99, 10)->empty());
  due = book->due(100, 10);
  ASSERT_EQ(due->size(), 1U);
  EXPECT_EQ((*due)[0].attempts, 1);
  EXPECT_EQ((*due)[0].last_error, "refused");
}

TEST_F(BookTest, TheOutboxIsBoundedAndCounts) {
  std::vector<Outgoing> many(kMostOutbox + 5, message("a"));
  ASSERT_TRUE(book->keep({}, {}, {}, many, 10));
  EXPECT_EQ(*book->waiting(), static_cast<std::int64_t>(kMostOutbox));
  EXPECT_EQ(book->dropped(), 5U);
  EXPECT_EQ((*book->due(10, 1))[0].id, 6);  // the oldest went
}

TEST_F(BookTest, SilencesEndAndAreForgotten) {
  const auto id = book->add_silence({0, "site:north", "disk-*", 1, 100, "mia", "new switch"});
  ASSERT_TRUE(id);
  EXPECT_TRUE(*book->end_silence(*id, 50));
  EXPECT_FALSE(*book->end_silence(*id, 60));
  EXPECT_EQ((*book->silences())[0].ends, 50);
  ASSERT_TRUE(book->forget_silences(51));
  EXPECT_TRUE(book->silences()->empty());
}

}  // namespace
}  // namespace resmon::alert
