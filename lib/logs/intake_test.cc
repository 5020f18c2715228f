#include "logs/intake.h"

#include <gtest/gtest.h>

#include <array>
#include <map>

#include "journal/simulated_files.h"

namespace resmon::logs {
namespace {

using Stream = logline::Taker::Stream;

std::string encoded(const std::string& message) {
  logline::Lines lines;
  lines.clear("system");
  logline::Line line;
  line.message = message;
  lines.add(line);
  return logline::encode(lines);
}

IntakeOptions options_of(journal::SimulatedFiles& files) {
  IntakeOptions options;
  options.directory = "j";
  options.limit_bytes = 1U << 20U;  // small segments: many of them begin
  options.files = &files;
  options.own_thread = false;
  return options;
}

// The sequence numbers of the records that are there, by stream.
std::map<Stream, std::vector<std::uint64_t>> kept(Intake& intake) {
  std::map<Stream, std::vector<std::uint64_t>> out;
  while (true) {
    const auto records = intake.reader().read();
    if (!records || records->empty()) return out;
    for (const journal::Record& record : *records)
      if (const auto read = decode_record(record.payload)) out[read->stream].push_back(read->sequence);
  }
}

TEST(Intake, NumbersAreTakenOnceAndKnownAfterARestart) {
  journal::SimulatedFiles files(1);
  const Stream a{1};
  const Stream b{2};
  {
    auto intake = *Intake::open(options_of(files));
    ASSERT_TRUE(intake->append(a, 1, "web1", encoded("one"), 5));
    const auto second = intake->append(a, 2, "web1", encoded("two"), 6);
    ASSERT_TRUE(second);
    EXPECT_EQ(*intake->append(a, 2, "web1", encoded("two"), 7), *second);
    EXPECT_EQ(intake->acknowledged(a), 0);
    bool told = false;
    intake->when_durable(*second, [&] { told = true; });
    EXPECT_FALSE(told);
    ASSERT_TRUE(intake->commit());
    EXPECT_TRUE(told);
    EXPECT_EQ(intake->acknowledged(a), 2);
    ASSERT_TRUE(intake->append(b, 9, "web2", encoded("nine"), 8));
    ASSERT_TRUE(intake->append("web3", encoded("unnumbered"), 8));
  }
  auto intake = *Intake::open(options_of(files));
  EXPECT_EQ(intake->acknowledged(a), 2);
  EXPECT_EQ(intake->acknowledged(b), 9);
  EXPECT_EQ(intake->acknowledged(Stream{3}), 0);
  EXPECT_EQ(kept(*intake)[a], (std::vector<std::uint64_t>{1, 2}));
}

// At whatever operation the machine stops: what was acknowledged is there once, and known to be.
TEST(Intake, NothingAcknowledgedIsLostOrDoubledInAPowerCut) {
  for (unsigned seed = 0; seed < 150; ++seed) {
    journal::SimulatedFiles files(seed);
    std::map<Stream, std::uint64_t> sent;
    std::map<Stream, std::uint64_t> acknowledged;
    for (int life = 0; life < 3; ++life) {
      files.crash_in = static_cast<std::int64_t>(files.random() % 120);
      {
        auto opened = Intake::open(options_of(files));
        if (opened) {
          Intake& intake = **opened;
          for (const std::uint8_t client : std::array<std::uint8_t, 3>{1, 2, 3}) {
            const std::uint64_t known = intake.acknowledged(Stream{client});
            if (files.crashed) break;  // what it read is not what is there
            ASSERT_GE(known, acknowledged[Stream{client}]) << seed;
            sent[Stream{client}] = known;  // a client sends again what was not acknowledged
          }
          for (int i = 0; i < 40 && !files.crashed; ++i) {
            const Stream stream{static_cast<std::uint8_t>(1 + files.random() % 3)};
            if (intake.append(stream, sent[stream] + 1, "h", encoded("line"), 1)) ++sent[stream];
            if (files.random() % 3 == 0 && intake.commit())
              for (auto& [one, last] : acknowledged) last = std::max(last, intake.acknowledged(one));
          }
        }
      }
      files.recover();
    }
    auto intake = *Intake::open(options_of(files));
    for (auto& [stream, sequences] : kept(*intake))
      for (std::size_t i = 0; i < sequences.size(); ++i) ASSERT_EQ(sequences[i], i + 1) << seed;
    for (const auto& [stream, last] : acknowledged) ASSERT_GE(intake->acknowledged(stream), last) << seed;
  }
}

TEST(Intake, RecordsThatAreNoneAreErrors) {
  Record record;
  record.received = -5;
  record.sequence = 7;
  record.host = "web1";
  record.lines = "bytes";
  record.marks.emplace_back(Stream{9}, 3);
  std::string bytes;
  encode_record(record, bytes);
  const auto back = decode_record(bytes);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->received, -5);
  EXPECT_EQ(back->host, "web1");
  EXPECT_EQ(back->lines, "bytes");
  EXPECT_EQ(back->marks, record.marks);
  for (std::size_t size = 0; size + record.lines.size() < bytes.size(); ++size)
    EXPECT_FALSE(decode_record(std::string_view(bytes).substr(0, size))) << size;
}

}  // namespace
}  // namespace resmon::logs
