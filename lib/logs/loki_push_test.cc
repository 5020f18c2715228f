#include "logs/loki_push.h"

#include <gtest/gtest.h>

#include "base/snappy.h"

namespace resmon::logs {
namespace {

std::string bytes_of_hex(std::string_view hex) {
  std::string out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    out += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  return out;
}

// push.proto's message, packed by Snappy itself: a stream of 20 lines, and one whose labels come behind its only entry.
constexpr std::string_view kPush =
    "8e0af07d0ac3090a2f7b686f73743d2277656239222c20736572766963655f6e616d653d22617069222c20656e763d2270725c226f6422"
    "7d12380a08088092aec9061005122c68656c6c6f2066726f6d206c6f6b692c206c696e65206e756d6265722030206f66206d616e79206c"
    "696e657312380a08088192aec9061005122c68656a3a000831206f423a000482928e740000324a3a000083923a0000334a3a000084923a"
    "0000344a3a000085923a0000354a3a000086923a0000364a3a000087923a0000374a3a000088923a0000384a3a000089923a0000393a3a"
    "0010390a08088a0d3a082d68656e0a023e4502013b008b963b003e4602013b008c963b003e4702013b008d963b003e4802013b008e963b"
    "003e4902013b008f963b003e4a02013b0090963b003e4b02013b0091963b003e4c02013b0092963b003e4d02013b0093963b003a4e021c"
    "0a46122e0a08089e053d4c0012067761726e65641a0d0a056c6576656c12040111881a0b0a057472616365120274310a127b6a6f623d60"
    "726177205c2074657874607d184d";

TEST(LokiPush, StreamsLabelsEntriesAndMetadata) {
  const std::string message = unpack_snappy(bytes_of_hex(kPush), 1 << 20).value();
  std::vector<std::string> told;
  const Status read = read_loki_push(message, [&](const LokiLabels& labels, const LokiEntry& entry) {
    std::string text;
    for (const auto& [name, value] : labels) text += name + "=" + value + " ";
    text += std::to_string(entry.time) + " " + std::string(entry.line);
    for (const auto& [name, value] : entry.metadata) text += " " + std::string(name) + "=" + std::string(value);
    told.push_back(text);
    return Status();
  });
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(told.size(), 21U);
  EXPECT_EQ(told[0],
            "host=web9 service_name=api env=pr\"od 1764460800000000005 hello from loki, line number 0 of many lines");
  EXPECT_EQ(told[20], "job=raw \\ text 1764460830000000000 warned level=warn trace=t1");
  // Cut off anywhere it is an error, or the whole streams before the cut.
  for (std::size_t i = 0; i < message.size(); ++i) {
    std::size_t seen = 0;
    const Status cut = read_loki_push(message.substr(0, i), [&](const LokiLabels&, const LokiEntry&) {
      ++seen;
      return Status();
    });
    EXPECT_TRUE(!cut || seen == 20 || i == 0) << i;
  }
}

TEST(LokiPush, Labels) {
  const auto tell = [](std::string_view text) {
    const auto labels = parse_loki_labels(text);
    if (!labels) return labels.error().message;
    std::string out;
    for (const auto& [name, value] : *labels) out += name + "=" + value + ";";
    return out;
  };
  EXPECT_EQ(tell("{}"), "");
  EXPECT_EQ(tell(R"( { a = "b\n\"\x41\u00e9\101" , c=`d\`, } )"), "a=b\n\"A\u00e9A;c=d\\;");
  EXPECT_EQ(tell("{a=\"b\""), "labels: ',' or '}' is missing at character 7");
  for (const char* bad : {"", "{", "a", "{a}", "{a=}", "{a=b}", "{=\"b\"}", "{a=\"b}", "{a=\"\\q\"}", "{a=\"\\u12\"}",
                          "{a=\"\\U00110000\"}", "{a=\"\\400z\"} x", "{a=\"b\"} x"})
    EXPECT_FALSE(parse_loki_labels(bad)) << bad;
}

TEST(LokiPush, ImpossibleTimesAndErrorsOfTheTakerEndIt) {
  const auto entry = [](std::string time) {
    const auto field = [](char number, const std::string& bytes) {
      return std::string(1, static_cast<char>(number << 3 | 2)) + static_cast<char>(bytes.size()) + bytes;
    };
    return field(1, field(1, "{a=\"b\"}") + field(2, field(1, time) + field(2, "line")));
  };
  const auto read = [](const std::string& message, bool refuse = false) {
    return read_loki_push(message, [&](const LokiLabels&, const LokiEntry&) {
      return refuse ? Status(fail(ErrorKind::kUnavailable, "full")) : Status();
    });
  };
  EXPECT_TRUE(read(entry("\x08\x05")));
  EXPECT_FALSE(read(entry("\x08\xff\xff\xff\xff\xff\xff\xff\x7f")));
  EXPECT_FALSE(read(entry("\x10\x80\x94\xeb\xdc\x03")));  // 1,000,000,000 nanoseconds
  EXPECT_EQ(read(entry("\x08\x05"), true).error().message, "full");
  EXPECT_EQ(read("\x0a\x02"
                 "{}")
                .error()
                .message.substr(0, 9),
            "stream 1:");
}

}  // namespace
}  // namespace resmon::logs
