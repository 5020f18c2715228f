#include "wire/lines.h"

#include <gtest/gtest.h>

#include <random>

namespace resmon::wire {
namespace {

std::string_view lines_payload_of(std::string_view frame) {
  return frame.substr(kHeaderBytes);
}

TEST(LinesFrameTest, BodiesComeBackInOrder) {
  LinesEncoder encoder;
  LinesDecoder decoder;
  std::mt19937 random(5);
  std::size_t sent = 0;
  for (std::uint64_t sequence = 1; sequence <= 60; ++sequence) {
    std::string body;
    const std::size_t lines = random() % 400;
    for (std::size_t i = 0; i < lines; ++i)
      body += "Nov 29 12:00:" + std::to_string(random() % 60) + " web1 sshd[" + std::to_string(random() % 9999) +
              "]: Failed password for root from 10.0.0." + std::to_string(random() % 255) + "\n";
    std::string frame;
    const std::size_t payload = encoder.encode(sequence * 2, body, frame);
    EXPECT_EQ(payload, frame.size() - kHeaderBytes);
    sent += body.size();
    const auto back = decoder.decode(lines_payload_of(frame));
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(back->sequence, sequence * 2);
    EXPECT_EQ(back->body, body);
  }
  EXPECT_GT(sent, 100'000U);
}

TEST(LinesFrameTest, ThePrefixMakesSmallBatchesSmall) {
  const auto batch = [](int from) {
    std::string body;
    for (int i = 0; i < 20; ++i)
      body += "2026-11-29T12:00:00 web1 nginx[811]: 10.1.2.3 - - \"GET /index/" + std::to_string(from + i * 37) +
              " HTTP/1.1\" 200 512 \"-\" \"Mozilla/5.0 (X11; Linux x86_64) Gecko Firefox\"\n";
    return body;
  };
  LinesEncoder encoder;
  std::string first;
  encoder.encode(1, batch(0), first);
  std::string second;
  encoder.encode(2, batch(1000), second);
  EXPECT_LT(second.size(), first.size() * 3 / 4);
}

TEST(LinesFrameTest, DamageIsAnError) {
  LinesEncoder encoder;
  std::string frame;
  encoder.encode(1, std::string(5000, 'x'), frame);
  const std::string payload(lines_payload_of(frame));
  ASSERT_LT(payload.size(), 100U);
  for (std::size_t n = 0; n < payload.size(); ++n) {
    LinesDecoder decoder;
    EXPECT_FALSE(decoder.decode(payload.substr(0, n))) << n;
  }
  LinesDecoder decoder;
  EXPECT_EQ(decoder.decode(std::string("\x01\x02", 2)).error().message, "LINES frame: unknown flags");
  EXPECT_EQ(decoder.decode(std::string("\x00\x00", 2)).error().message, "LINES frame: sequence number 0");
  // A small frame that unpacks to more than the bound.
  std::string large;
  LinesEncoder other;
  other.encode(1, std::string(kMaxLinesBytes + 1, 'x'), large);
  const auto refused = decoder.decode(lines_payload_of(large));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kLimit);
}

}  // namespace
}  // namespace resmon::wire
