// docs/wire_format.md's worked example against the encoder and the decoder: the page cannot say what the code does not
// do.

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>

#include "logline/line.h"
#include "wire/lines.h"
#include "wire/samples.h"

namespace resmon::wire {
namespace {

constexpr UnixNanos kStart = 1'700'000'000'000'000'000;
constexpr UnixNanos kStep = 5'000'000'000;

// The page's ```hex NAME blocks as bytes; what follows # is for people.
const std::map<std::string, std::string>& examples() {
  static const auto all = [] {
    std::map<std::string, std::string> out;
    std::ifstream page(RESMON_SOURCE_DIR "/docs/wire_format.md");
    std::string name;
    for (std::string line; std::getline(page, line);) {
      if (line.starts_with("```")) {
        name = name.empty() && line.starts_with("```hex ") ? line.substr(7) : "";
      } else if (!name.empty()) {
        std::istringstream words(line.substr(0, line.find('#')));
        for (std::string word; words >> word;) out[name] += static_cast<char>(std::stoi(word, nullptr, 16));
      }
    }
    return out;
  }();
  return all;
}

std::string example(const std::string& name) {
  const auto it = examples().find(name);
  return it == examples().end() ? "the page has no block " + name : it->second;
}

std::string to_text(std::string_view bytes) {
  std::string out;
  char two[4];
  for (const char c : bytes) {
    std::snprintf(two, sizeof two, "%02x ", static_cast<unsigned>(static_cast<unsigned char>(c)));
    out += two;
  }
  return out;
}

metric::Schema demo() {
  using metric::FieldType;
  return {"demo",
          {{"disk", "sda"}},
          {{"usage", FieldType::kFloat},
           {"reads", FieldType::kInteger},
           {"up", FieldType::kBoolean},
           {"note", FieldType::kString}}};
}

std::vector<metric::Batch> demo_batches(metric::SchemaId id) {
  std::vector<metric::Batch> out(3);
  const double usage[] = {12.34, 12.5, 12.125};
  for (std::size_t i = 0; i < out.size(); ++i) {
    auto row = out[i].add(id, 4, kStart + static_cast<UnixNanos>(i) * kStep);
    row.set(0, usage[i]);
    if (i == 0) row.set(1, std::int64_t{1000});
    if (i == 1) row.set(1, std::int64_t{1003});
    row.set(2, true);
    row.set(3, std::string_view("ok"));
  }
  return out;
}

TEST(WireFormatTest, TheGreetingIsThePages) {
  Hello hello;
  hello.client = "web1";
  hello.token = "0123456789abcdef";
  hello.software = "example 1";
  for (std::size_t i = 0; i < hello.stream.size(); ++i) hello.stream[i] = static_cast<std::uint8_t>(i);
  hello.clock = kStart;
  hello.interval_ns = 5'000'000'000;
  hello.oldest_sequence = 1;
  hello.tags = {{"site", "north"}};
  std::string out;
  encode(hello, out);
  EXPECT_EQ(to_text(out), to_text(example("hello")));

  Welcome welcome;
  welcome.clock = kStart + 1'000'000'000;
  welcome.max_series = 20'000;
  welcome.idle_timeout_ns = 60'000'000'000;
  welcome.software = "example 2";
  out.clear();
  encode(welcome, out);
  EXPECT_EQ(to_text(out), to_text(example("welcome")));
}

TEST(WireFormatTest, TheSmallFramesAreThePages) {
  const auto same = [](const std::string& name, const auto& write) {
    std::string out;
    write(out);
    EXPECT_EQ(to_text(out), to_text(example(name))) << name;
  };
  same("ack", [](std::string& out) { encode(Ack{3}, out); });
  same("ping", [](std::string& out) { encode_ping(FrameType::kPing, {258}, out); });
  same("pong", [](std::string& out) { encode_ping(FrameType::kPong, {258}, out); });
  same("refuse", [](std::string& out) { encode(Refuse{RefuseCode::kToken, "unknown token", 0}, out); });
  same("goodbye", [](std::string& out) { encode_goodbye("stopping", out); });
}

TEST(WireFormatTest, TheEncoderWritesThePagesSamples) {
  metric::SchemaTable schemas;
  const auto batches = demo_batches(schemas.intern(demo()).value());
  SampleEncoder encoder(schemas);
  for (std::size_t i = 0; i < batches.size(); ++i) {
    const metric::Batch* one[] = {&batches[i]};
    std::string out;
    encoder.encode(i + 1, one, out);
    const std::string number = std::to_string(i + 1);
    EXPECT_EQ(to_text(out), to_text((i == 0 ? example("schema") : "") + example("samples-" + number))) << number;
  }
}

TEST(WireFormatTest, TheDecoderReadsThePagesSamples) {
  metric::SchemaTable schemas;
  SampleDecoder decoder({}, [&](metric::Schema schema) { return schemas.intern(std::move(schema)); });
  FrameReader frames(kMaxFrameBytes);
  for (const char* name : {"schema", "samples-1", "samples-2", "samples-3"}) frames.append(example(name));
  const auto want = demo_batches(0);
  std::uint64_t seen = 0;
  metric::Batch scratch;
  while (true) {
    auto frame = frames.next();
    ASSERT_TRUE(frame.has_value());
    if (!*frame) break;
    if ((*frame)->type == static_cast<std::uint8_t>(FrameType::kSchema)) {
      ASSERT_TRUE(decoder.decode_schema((*frame)->payload).has_value());
      continue;
    }
    ASSERT_TRUE(decoder
                    .decode_samples((*frame)->payload, scratch,
                                    [&](std::uint64_t sequence, metric::Batch& got) -> Status {
                                      const metric::Batch& wanted = want.at(seen++);
                                      EXPECT_EQ(sequence, seen);
                                      EXPECT_EQ(got.rows()[0].time, wanted.rows()[0].time);
                                      for (std::size_t f = 0; f < 4; ++f) {
                                        EXPECT_EQ(got.has(got.rows()[0], f), wanted.has(wanted.rows()[0], f))
                                            << sequence << ' ' << f;
                                        if (!wanted.has(wanted.rows()[0], f)) continue;
                                        if (f == 3)
                                          EXPECT_EQ(got.string(got.rows()[0], f), wanted.string(wanted.rows()[0], f));
                                        else
                                          EXPECT_EQ(got.value(got.rows()[0], f), wanted.value(wanted.rows()[0], f))
                                              << sequence << ' ' << f;
                                      }
                                      return {};
                                    })
                    .has_value());
  }
  EXPECT_EQ(seen, 3U);
  EXPECT_EQ(schemas[0], demo());
}

TEST(WireFormatTest, TheEncoderWritesThePagesComplements) {
  using metric::FieldType;
  metric::SchemaTable schemas;
  const metric::SchemaId id =
      schemas
          .intern({"disk",
                   {},
                   {{"free", FieldType::kInteger}, {"used", FieldType::kInteger}, {"note", FieldType::kString}}})
          .value();
  SampleEncoder encoder(schemas);
  std::string written;
  for (std::uint64_t i = 0; i < 2; ++i) {
    metric::Batch batch;
    auto row = batch.add(id, 3, kStart + static_cast<UnixNanos>(i) * kStep);
    row.set(0, static_cast<std::int64_t>(8192 + i * 4096));
    row.set(1, static_cast<std::int64_t>(4096 - i * 4096));
    row.set(2, std::string_view("ok"));
    const metric::Batch* one[] = {&batch};
    encoder.encode(i + 1, one, written);
  }
  EXPECT_EQ(to_text(written), to_text(example("schema-disk") + example("samples-disk-1") + example("samples-disk-2")));
}

TEST(WireFormatTest, LinesAreThePages) {
  logline::Lines lines;
  lines.clear("app");
  lines.add({.time = kStart, .level = logline::Level::kInfo, .unit = "api", .pid = 7, .message = "started"});
  const logline::Field code{"code", "5"};
  lines.add({.time = kStart + 1'000'000'000,
             .level = logline::Level::kError,
             .unit = "api",
             .pid = 7,
             .message = "failed",
             .fields = {&code, 1}});
  LinesEncoder encoder;
  std::string out;
  encoder.encode(1, logline::encode(lines), out);
  EXPECT_EQ(to_text(out), to_text(example("lines")));
  LinesDecoder decoder;
  logline::Lines back;
  ASSERT_TRUE(logline::decode(decoder.decode(std::string_view(out).substr(kHeaderBytes)).value().body, back));
  EXPECT_EQ(back[1].message, "failed");
}

}  // namespace
}  // namespace resmon::wire
