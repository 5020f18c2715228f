#include "uplink/line_spool.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace resmon::uplink {
namespace {

class LineSpoolTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/resmon-line-spool-test-XXXXXX";
    options_.directory = ::mkdtemp(name);
    options_.owner = "web1";
    options_.sync_interval = std::chrono::milliseconds(20);
    open();
  }
  void TearDown() override {
    spool_.reset();
    std::filesystem::remove_all(options_.directory);
  }
  void open() {
    spool_.reset();
    spool_ = LineSpool::open(options_).value();
  }
  Status push(const std::string& text, std::vector<LineSpool::Mark> marks = {}) { return spool_->push(text, 1, marks); }
  // The next text as a server gets it; "" for none.
  std::string send() {
    std::string frame;
    const auto encoded = spool_->encode(next_, wire::kMaxFrameBytes, frame);
    EXPECT_TRUE(encoded) << encoded.error().message;
    if (!encoded || encoded->through == 0) return "";
    next_ = encoded->through + 1;
    return std::string(decoder_.decode(std::string_view(frame).substr(wire::kHeaderBytes)).value().body);
  }
  void connect(std::uint64_t acknowledged = 0) {
    ASSERT_TRUE(spool_->resume_after(acknowledged));
    spool_->begin();
    decoder_ = {};
    next_ = spool_->first();
  }

  LineSpoolOptions options_;
  std::unique_ptr<LineSpool> spool_;
  wire::LinesDecoder decoder_;
  std::uint64_t next_ = 0;
};

TEST_F(LineSpoolTest, LinesAndMarksOutliveTheProcess) {
  ASSERT_TRUE(push("one", {{"a/1", "5"}, {"b/1", "7"}}));
  ASSERT_TRUE(push("two", {{"a/1", "9"}}));
  const auto stream = spool_->stream();
  open();
  EXPECT_EQ(spool_->stream(), stream);
  EXPECT_EQ(spool_->marks(), (LineSpool::Marks{{"a/1", "9"}, {"b/1", "7"}}));
  EXPECT_EQ(spool_->backlog(), 2U);
  connect();
  EXPECT_EQ(send(), "one");
  EXPECT_EQ(send(), "two");
  EXPECT_EQ(send(), "");
  spool_->acknowledge(next_ - 1);
  EXPECT_TRUE(spool_->empty());
  EXPECT_EQ(spool_->backlog_bytes(), 0U);
  ASSERT_TRUE(push("three", {{"b/1", ""}}));
  open();
  EXPECT_EQ(spool_->marks(), (LineSpool::Marks{{"a/1", "9"}}));
  connect();
  EXPECT_EQ(send(), "three");
}

TEST_F(LineSpoolTest, MarksStayWhenAllIsAcknowledgedAndSegmentsGo) {
  options_.limit_bytes = 1U << 20U;
  open();
  ASSERT_TRUE(push("x", {{"old", "kept"}}));
  for (int i = 0; i < 400; ++i) {
    connect(0);
    ASSERT_TRUE(push(std::string(20'000, 'x'), {{"n", std::to_string(i)}}));
    while (!send().empty()) {
    }
    spool_->acknowledge(next_ - 1);
  }
  EXPECT_EQ(spool_->dropped_lines(), 0U);
  open();
  EXPECT_EQ(spool_->marks(), (LineSpool::Marks{{"n", "399"}, {"old", "kept"}}));
  EXPECT_TRUE(spool_->empty());
}

TEST_F(LineSpoolTest, WhenFullTheOldestAreDroppedAndCounted) {
  options_.limit_bytes = 1U << 20U;
  open();
  std::uint64_t pushed = 0;
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (pushed < 150 && std::chrono::steady_clock::now() < until)
    if (push(std::to_string(pushed) + std::string(20'000, 'x'))) ++pushed;
  EXPECT_GT(spool_->dropped_lines(), 0U);
  EXPECT_EQ(spool_->dropped_lines() + spool_->backlog(), pushed);
  EXPECT_LE(spool_->disk_bytes(), options_.limit_bytes);
  const std::uint64_t dropped = spool_->dropped_lines();
  open();
  EXPECT_EQ(spool_->dropped_lines(), dropped);
  EXPECT_EQ(spool_->dropped_lines() + spool_->backlog(), pushed);
  connect();
  EXPECT_EQ(send().substr(0, 5), (std::to_string(dropped) + "xxxxx").substr(0, 5));
}

TEST_F(LineSpoolTest, AServerThatKnowsMoreGetsAnotherStream) {
  ASSERT_TRUE(push("one"));
  const auto stream = spool_->stream();
  EXPECT_FALSE(spool_->resume_after(1000));
  EXPECT_NE(spool_->stream(), stream);
  const auto other = spool_->stream();
  open();
  EXPECT_EQ(spool_->stream(), other);
  connect();
  EXPECT_EQ(send(), "one");
}

TEST_F(LineSpoolTest, AnotherClientsSpoolIsSentInANewStream) {
  ASSERT_TRUE(push("one", {{"k", "v"}}));
  const auto stream = spool_->stream();
  options_.owner = "web2";
  open();
  EXPECT_NE(spool_->stream(), stream);
  EXPECT_EQ(spool_->marks().size(), 1U);
  connect();
  EXPECT_EQ(send(), "one");
}

}  // namespace
}  // namespace resmon::uplink
