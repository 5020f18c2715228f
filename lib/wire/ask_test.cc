#include "wire/ask.h"

#include <gtest/gtest.h>

namespace resmon::wire {
namespace {

std::string after_header(const std::string& frame) {
  return frame.substr(kHeaderBytes);
}

ProcessRow nginx() {
  return {905, 'S', "www-data", "nginx", "nginx: worker", "nginx.service", "web", 1250, 4096, 0, 17, 3, 86'400};
}

TEST(Ask, ComesBackAsItWas) {
  std::string out;
  encode(Ask{7, std::string(kAskProcesses)}, out);
  EXPECT_EQ(static_cast<FrameType>(out[4]), kAskFrame);
  const auto read = decode_ask(after_header(out) + "a later field");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->id, 7U);
  EXPECT_EQ(read->what, "processes");
}

TEST(Ask, AListComesBackAndWhatDoesNotFitIsLeftOut) {
  ProcessList list;
  list.id = 7;
  list.total = 3000;
  list.rows.assign(3000, nginx());
  list.rows[1].read_bytes_per_second.reset();
  std::string out;
  encode(list, 10'000, out);
  EXPECT_LE(out.size(), 10'000U);
  const auto read = decode_process_list(after_header(out));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->total, 3000U);
  EXPECT_GT(read->rows.size(), 100U);
  EXPECT_EQ(read->rows[0].name, "nginx");
  EXPECT_EQ(read->rows[0].read_bytes_per_second, 0U);
  EXPECT_EQ(read->rows[0].written_bytes_per_second, 17U);
  EXPECT_EQ(read->rows[1].read_bytes_per_second, std::nullopt);
  EXPECT_EQ(read->rows[1].age_seconds, 86'400U);
}

TEST(Ask, ARefusalHasNoRows) {
  ProcessList list;
  list.refusal = "switched off";
  list.rows.assign(3, nginx());
  std::string out;
  encode(list, 10'000, out);
  const auto read = decode_process_list(after_header(out));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->refusal, "switched off");
  EXPECT_TRUE(read->rows.empty());
}

TEST(Ask, WhatEndsEarlyOrIsTooMuchIsAnError) {
  ProcessList list;
  list.rows.assign(2, nginx());
  std::string out;
  encode(list, 10'000, out);
  const std::string payload = after_header(out);
  for (std::size_t size = 0; size < payload.size(); ++size)
    EXPECT_FALSE(decode_process_list(std::string_view(payload).substr(0, size))) << size;
  EXPECT_FALSE(decode_process_list(std::string("\0\0\0\xff\xff\x03", 6))) << "65,535 rows";
  EXPECT_FALSE(decode_ask(std::string("\x01\x7f", 2)));
}

}  // namespace
}  // namespace resmon::wire
