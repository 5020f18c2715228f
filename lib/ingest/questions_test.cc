#include "ingest/questions.h"

#include <gtest/gtest.h>

#include <string>

namespace resmon::ingest {
namespace {

using std::chrono::seconds;

class QuestionsTest : public ::testing::Test {
 protected:
  Questions::Done into(std::string& out) {
    return [&out](const Result<wire::ProcessList>& list) {
      out = list ? "list " + std::to_string(list->id) : list.error().message;
    };
  }
  static wire::ProcessList list(std::uint64_t id) {
    wire::ProcessList out;
    out.id = id;
    return out;
  }

  Questions questions_;
  const Questions::Time now_ = Questions::Time() + seconds(1000);
};

TEST_F(QuestionsTest, EachAnswerGoesToItsAskerOnce) {
  std::string first;
  std::string second;
  const auto one = questions_.ask(into(first), now_);
  const auto two = questions_.ask(into(second), now_);
  ASSERT_TRUE(one && two);
  questions_.take(list(*two));
  EXPECT_EQ(first, "");
  EXPECT_EQ(second, "list " + std::to_string(*two));
  second.clear();
  questions_.take(list(*two));
  questions_.take(list(99));
  EXPECT_EQ(second, "");
  questions_.take(list(*one));
  EXPECT_EQ(first, "list " + std::to_string(*one));
}

TEST_F(QuestionsTest, SoManyWaitUntilTheOldAreForgotten) {
  std::string answers[Questions::kMost];
  for (std::string& answer : answers) EXPECT_TRUE(questions_.ask(into(answer), now_));
  std::string more;
  EXPECT_FALSE(questions_.ask(into(more), now_ + seconds(30)));
  EXPECT_EQ(more, "too many requests ask this client at the same time; try again");
  more.clear();
  EXPECT_TRUE(questions_.ask(into(more), now_ + seconds(31)));
  EXPECT_EQ(more, "");
}

TEST_F(QuestionsTest, TheEndAnswersAllAndTakesNoMore) {
  std::string waiting;
  std::string late;
  EXPECT_TRUE(questions_.ask(into(waiting), now_));
  questions_.end();
  EXPECT_EQ(waiting, "its client disconnected before it answered");
  EXPECT_FALSE(questions_.ask(into(late), now_));
  EXPECT_EQ(late, "its client is not connected");
}

}  // namespace
}  // namespace resmon::ingest
