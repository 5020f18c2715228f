#include "wire/frame.h"

#include <gtest/gtest.h>

#include "base/bytes.h"

namespace resmon::wire {
namespace {

std::string_view payload_of(std::string_view frame) {
  return frame.substr(kHeaderBytes);
}

TEST(BytesTest, VarintsRoundTripAtTheirEdges) {
  for (const std::uint64_t v : {std::uint64_t{0}, std::uint64_t{127}, std::uint64_t{128}, std::uint64_t{16383},
                                std::uint64_t{16384}, UINT64_MAX - 1, UINT64_MAX}) {
    std::string out;
    ByteWriter(out).varint(v);
    ByteReader r(out);
    EXPECT_EQ(r.varint(), v);
    EXPECT_FALSE(r.failed());
    EXPECT_EQ(r.remaining(), 0U);
  }
  for (const std::int64_t v : {std::int64_t{0}, std::int64_t{-1}, INT64_MIN, INT64_MAX})
    EXPECT_EQ(unzigzag(zigzag(v)), v);
}

TEST(BytesTest, AReadPastTheEndFailsAndStaysFailed) {
  ByteReader r(std::string_view("\xff\xff", 2));
  EXPECT_EQ(r.varint(), 0U);
  EXPECT_TRUE(r.failed());
  EXPECT_EQ(r.u64(), 0U);
  ByteReader too_long(std::string_view("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10));
  too_long.varint();
  EXPECT_TRUE(too_long.failed());
  ByteReader text(
      std::string_view("\x05"
                       "abc",
                       4));
  EXPECT_EQ(text.text(), "");
  EXPECT_TRUE(text.failed());
}

TEST(FrameTest, HelloRoundTrips) {
  Hello hello;
  hello.client = "web 1";
  hello.token = "secret";
  hello.software = "resmon-client 0.1.0";
  hello.stream[3] = 9;
  hello.clock = 1'700'000'000'000'000'000;
  hello.interval_ns = 5'000'000'000;
  hello.oldest_sequence = 77;
  hello.tags = {{"site", "north"}};
  std::string out;
  encode(hello, out);
  const Hello back = decode_hello(payload_of(out)).value();
  EXPECT_EQ(back.client, hello.client);
  EXPECT_EQ(back.token, hello.token);
  EXPECT_EQ(back.stream, hello.stream);
  EXPECT_EQ(back.clock, hello.clock);
  EXPECT_EQ(back.interval_ns, hello.interval_ns);
  EXPECT_EQ(back.oldest_sequence, 77U);
  EXPECT_EQ(back.tags, hello.tags);
}

TEST(FrameTest, EveryTruncationOfHelloIsAnError) {
  Hello hello;
  hello.client = "web1";
  hello.tags = {{"a", "b"}};
  std::string out;
  encode(hello, out);
  const std::string_view payload = payload_of(out);
  for (std::size_t n = 0; n < payload.size(); ++n) EXPECT_FALSE(decode_hello(payload.substr(0, n)).has_value()) << n;
}

TEST(FrameTest, AHelloOfAnotherVersionIsReadAsFarAsItsVersions) {
  std::string payload = "RSMN";
  ByteWriter w(payload);
  w.u16(7);
  w.u16(9);
  w.bytes("something new");
  const Hello hello = decode_hello(payload).value();
  EXPECT_EQ(hello.oldest_version, 7);
  EXPECT_EQ(hello.newest_version, 9);
}

TEST(FrameTest, OtherMessagesRoundTripAndIgnoreWhatFollows) {
  std::string out;
  encode(Welcome{1, 42, 5, 65536, 100, 60, "resmon-server 0.1.0"}, out);
  const Welcome welcome = decode_welcome(std::string(payload_of(out)) + "later").value();
  EXPECT_EQ(welcome.acknowledged, 42U);
  EXPECT_EQ(welcome.max_frame_bytes, 65536U);
  EXPECT_EQ(welcome.software, "resmon-server 0.1.0");
  out.clear();
  encode(Refuse{RefuseCode::kToken, "unknown token", 3}, out);
  const Refuse refuse = decode_refuse(payload_of(out)).value();
  EXPECT_EQ(refuse.code, RefuseCode::kToken);
  EXPECT_EQ(refuse.reason, "unknown token");
  out.clear();
  encode(Ack{UINT64_MAX}, out);
  EXPECT_EQ(decode_ack(payload_of(out)).value().sequence, UINT64_MAX);
}

TEST(FrameReaderTest, FramesComeOutWholeHoweverTheBytesArrive) {
  std::string stream;
  encode(Ack{1}, stream);
  encode(Ack{300}, stream);
  encode_ping(FrameType::kPing, Ping{9}, stream);
  for (std::size_t step = 1; step <= stream.size(); ++step) {
    FrameReader reader(1024);
    std::vector<std::uint8_t> types;
    for (std::size_t at = 0; at < stream.size(); at += step) {
      reader.append(std::string_view(stream).substr(at, step));
      while (true) {
        const auto frame = reader.next().value();
        if (!frame) break;
        types.push_back(frame->type);
      }
    }
    EXPECT_EQ(types, (std::vector<std::uint8_t>{6, 6, 7})) << step;
    EXPECT_EQ(reader.buffered_bytes(), 0U);
  }
}

TEST(FrameReaderTest, AFrameOverTheBoundIsRefusedByItsHeaderAlone) {
  FrameReader reader(100);
  std::string header;
  ByteWriter w(header);
  w.u32(101);
  w.u8(5);
  reader.append(header);
  EXPECT_EQ(reader.next().error().kind, ErrorKind::kLimit);
}

TEST(FrameTest, AnAcknowledgementMaySayWhatWasRefused) {
  for (const Ack& ack : {Ack{7, 0}, Ack{300, 1}, Ack{UINT64_MAX, UINT64_MAX}}) {
    std::string bytes;
    encode(ack, bytes);
    const Ack back = decode_ack(std::string_view(bytes).substr(kHeaderBytes)).value();
    EXPECT_EQ(back.sequence, ack.sequence);
    EXPECT_EQ(back.refused, ack.refused);
  }
  EXPECT_FALSE(decode_ack("\x01\x80")) << "ends early";
}

TEST(FrameTest, ANoticeComesBack) {
  std::string bytes;
  encode_notice("3 samples were refused", bytes);
  FrameReader reader(100);
  reader.append(bytes);
  const auto frame = reader.next().value();
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->type, 10);
  EXPECT_EQ(decode_notice(frame->payload).value(), "3 samples were refused");
  EXPECT_FALSE(decode_notice(frame->payload.substr(0, 5)));
}

}  // namespace
}  // namespace resmon::wire
