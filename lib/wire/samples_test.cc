#include "wire/samples.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "base/bytes.h"

namespace resmon::wire {
namespace {

using metric::Batch;
using metric::FieldType;
using metric::Schema;
using metric::SchemaId;
using metric::SchemaTable;

// A client's and a server's end with the bytes between them.
struct Pipe {
  SchemaTable client;
  SchemaTable server;
  SampleEncoder encoder{client};
  SampleDecoder decoder{DecoderLimits{}, [this](Schema schema) { return server.intern(std::move(schema)); }};
  std::vector<std::pair<std::uint64_t, Batch>> received;
  std::size_t sample_frame_bytes = 0;

  Status send(std::uint64_t first, std::vector<const Batch*> batches) {
    std::string bytes;
    encoder.encode(first, batches, bytes);
    FrameReader frames(kMaxFrameBytes);
    frames.append(bytes);
    Batch scratch;
    while (true) {
      const auto frame = frames.next().value();
      if (!frame) return {};
      if (frame->type == static_cast<std::uint8_t>(FrameType::kSchema)) {
        RESMON_TRY(decoder.decode_schema(frame->payload));
      } else {
        sample_frame_bytes = frame->payload.size() + kHeaderBytes;
        RESMON_TRY(decoder.decode_samples(frame->payload, scratch, [&](std::uint64_t sequence, Batch& batch) -> Status {
          received.emplace_back(sequence, batch);
          return {};
        }));
      }
    }
  }
};

// What a batch says, with names in place of ids, so that both ends can be compared.
std::string describe(const Batch& batch, const SchemaTable& schemas) {
  std::string out;
  for (const metric::Row& row : batch.rows()) {
    const Schema& schema = schemas[row.schema];
    out += metric::group_key(schema.measurement, schema.tags) + " @" + std::to_string(row.time);
    for (std::size_t f = 0; f < schema.fields.size(); ++f) {
      if (!batch.has(row, f)) continue;
      out += ' ' + schema.fields[f].name + '=';
      if (schema.fields[f].type == FieldType::kString)
        out += batch.string(row, f);
      else
        out += std::to_string(batch.value(row, f));  // the bits
    }
    out += '\n';
  }
  return out;
}

TEST(SamplesTest, ValuesOfEveryTypeRoundTrip) {
  Pipe pipe;
  const SchemaId id = pipe.client
                          .intern({"m",
                                   {{"a", "b"}},
                                   {{"f", FieldType::kFloat},
                                    {"i", FieldType::kInteger},
                                    {"u", FieldType::kUnsigned},
                                    {"b", FieldType::kBoolean},
                                    {"s", FieldType::kString}}})
                          .value();
  const double floats[] = {0, -0.0, 1.25, 16.4, 16.41, 1e300, -5e-324, 0.1 + 0.2, 123456789.123456, 3, 0.000001};
  std::uint64_t sequence = 1;
  for (const double f : floats) {
    Batch batch;
    auto row = batch.add(id, 5, 1'000'000'000LL * static_cast<std::int64_t>(sequence));
    row.set(0, f);
    row.set(1, sequence % 2 == 0 ? INT64_MIN : INT64_MAX);
    row.set(2, sequence % 2 == 0 ? UINT64_MAX : std::uint64_t{0});
    row.set(3, sequence % 3 == 0);
    row.set(4, std::string_view(sequence % 2 == 0 ? "" : "text, with \n everything"));
    ASSERT_TRUE(pipe.send(sequence, {&batch}).has_value());
    ASSERT_EQ(pipe.received.size(), sequence);
    EXPECT_EQ(pipe.received.back().first, sequence);
    EXPECT_EQ(describe(pipe.received.back().second, pipe.server), describe(batch, pipe.client));
    ++sequence;
  }
}

// Mostly names without a meaning; of the others two may be complements.
std::string random_name(std::uint64_t number, std::uint64_t f) {
  constexpr std::string_view kNames[] = {"free", "used", "inodes_free", "inodes_used"};
  return number % 2 == 0 && f < std::size(kNames) ? std::string(kNames[f]) : "f" + std::to_string(f);
}

TEST(SamplesTest, RandomBatchesRoundTripWhateverComesAndGoes) {
  for (unsigned seed = 0; seed < 30; ++seed) {
    std::mt19937_64 random(seed);
    const auto below = [&](std::uint64_t n) { return random() % n; };
    Pipe pipe;
    std::vector<std::pair<SchemaId, std::size_t>> ids;
    std::vector<Batch> sent(60);
    std::vector<const Batch*> group;
    std::uint64_t next = 1;
    for (std::size_t i = 0; i < sent.size(); ++i) {
      if (ids.empty() || below(4) == 0) {
        Schema schema{"disk", {{"path", std::to_string(i)}}, {}};
        const std::uint64_t fields = 1 + below(130);
        for (std::uint64_t f = 0; f < fields; ++f)
          schema.fields.push_back({random_name(i, f), static_cast<FieldType>(below(5))});
        ids.emplace_back(pipe.client.intern(schema).value(), fields);
      }
      Batch& batch = sent[i];
      const std::uint64_t rows = below(6);
      for (std::uint64_t r = 0; r < rows; ++r) {
        const auto [id, fields] = ids[below(ids.size())];
        auto row =
            batch.add(id, fields, static_cast<std::int64_t>(i * 5'000'000'000 + (below(3) == 0 ? below(1000) : 0)));
        for (std::size_t f = 0; f < fields; ++f) {
          if (below(5) == 0) continue;
          switch (pipe.client[id].fields[f].type) {
            case FieldType::kFloat:
              row.set(f, below(2) == 0 ? static_cast<double>(below(100000)) / 100.0
                                       : std::ldexp(static_cast<double>(random()), static_cast<int>(below(200)) - 150));
              break;
            case FieldType::kString:
              row.set(f, std::string_view("some text here").substr(below(10)));
              break;
            case FieldType::kBoolean:
              row.set(f, below(2) == 0);
              break;
            default:
              row.set_cell(f, below(2) == 0 ? below(100) : random() << below(20));
          }
        }
      }
      group.push_back(&batch);
      if (below(3) == 0 || i + 1 == sent.size()) {
        ASSERT_TRUE(pipe.send(next, group).has_value());
        next += group.size();
        group.clear();
      }
    }
    ASSERT_EQ(pipe.received.size(), sent.size());
    for (std::size_t i = 0; i < sent.size(); ++i) {
      EXPECT_EQ(pipe.received[i].first, i + 1);
      ASSERT_EQ(describe(pipe.received[i].second, pipe.server), describe(sent[i], pipe.client)) << seed << ' ' << i;
    }
  }
}

TEST(SamplesTest, AnyTimesRoundTrip) {
  Pipe pipe;
  const SchemaId id = pipe.client.intern({"m", {}, {{"f", FieldType::kInteger}}}).value();
  std::uint64_t sequence = 1;
  for (const UnixNanos time : {INT64_MAX, INT64_MIN, INT64_MIN + 1, INT64_MAX, std::int64_t{0}, INT64_MIN}) {
    Batch batch;
    batch.add(id, 1, time).set(0, std::int64_t{1});
    batch.add(id, 1, INT64_MAX).set(0, std::int64_t{2});
    ASSERT_TRUE(pipe.send(sequence++, {&batch}).has_value());
    EXPECT_EQ(describe(pipe.received.back().second, pipe.server), describe(batch, pipe.client));
  }
}

TEST(SamplesTest, ABatchThatRepeatsCostsABitAValue) {
  Pipe pipe;
  Schema schema{"mem", {}, {}};
  for (int f = 0; f < 200; ++f) schema.fields.push_back({"f" + std::to_string(f), FieldType::kInteger});
  const SchemaId id = pipe.client.intern(schema).value();
  for (std::uint64_t i = 1; i <= 4; ++i) {
    Batch batch;
    auto row = batch.add(id, 200, static_cast<std::int64_t>(i * 5'000'000'000));
    for (std::size_t f = 0; f < 200; ++f) row.set(f, static_cast<std::int64_t>(f * 1000));
    ASSERT_TRUE(pipe.send(i, {&batch}).has_value());
  }
  EXPECT_LE(pipe.sample_frame_bytes, 200U / 8 + kHeaderBytes + 6);
}

TEST(SamplesTest, OfTwoNumbersOfOneWholeTheSecondCostsABit) {
  Pipe pipe;
  const SchemaId id =
      pipe.client.intern({"cpu", {}, {{"usage_active", FieldType::kFloat}, {"usage_idle", FieldType::kFloat}}}).value();
  std::size_t bytes = 0;
  for (std::uint64_t i = 1; i <= 50; ++i) {
    const std::int64_t active = static_cast<std::int64_t>(i * 7919 % 9000);  // hundredths
    Batch batch;
    auto row = batch.add(id, 2, static_cast<std::int64_t>(i * 5'000'000'000));
    row.set(0, static_cast<double>(active) / 100);
    row.set(1, static_cast<double>(10'000 - active) / 100);
    ASSERT_TRUE(pipe.send(i, {&batch}).has_value());
    EXPECT_EQ(describe(pipe.received.back().second, pipe.server), describe(batch, pipe.client));
    bytes = std::max(bytes, i < 4 ? 0 : pipe.sample_frame_bytes);
  }
  // Header, flags, sequence, count; time, shape, presence; one byte of changed bits; one float's delta.
  EXPECT_LE(bytes, kHeaderBytes + 3 + 3 + 1 + 3);
}

TEST(SamplesTest, AComplementThatIsAbsentOrDoesNotHoldIsStillExact) {
  Pipe pipe;
  const SchemaId id = pipe.client
                          .intern({"mem",
                                   {},
                                   {{"available", FieldType::kInteger},
                                    {"used", FieldType::kInteger},
                                    {"used_percent", FieldType::kFloat},
                                    {"available_percent", FieldType::kFloat}}})
                          .value();
  const std::int64_t whole[] = {0, 100, INT64_MAX, INT64_MIN, -1, 4096, 7};
  const double parts[] = {0.0, -0.0, 33.33, 1e300, 5e-324, 66.671, 12.345678901234};
  std::uint64_t sequence = 1;
  for (unsigned mask = 0; mask < 16; ++mask)
    for (std::size_t a = 0; a < std::size(whole); ++a)
      for (std::size_t b = 0; b < std::size(whole); ++b) {
        Batch batch;
        for (int twice = 0; twice < 2; ++twice) {  // of one schema in one batch, too
          auto row = batch.add(id, 4, static_cast<std::int64_t>(sequence));
          if ((mask & 1U) != 0) row.set(0, whole[a]);
          if ((mask & 2U) != 0) row.set(1, whole[b]);
          if ((mask & 4U) != 0) row.set(2, parts[b]);
          if ((mask & 8U) != 0) row.set(3, parts[a]);
        }
        ASSERT_TRUE(pipe.send(sequence++, {&batch}).has_value());
        ASSERT_EQ(describe(pipe.received.back().second, pipe.server), describe(batch, pipe.client));
      }
}

TEST(SamplesTest, WhatIsCountedInPagesCostsNoBytesForItsZeroBits) {
  const auto bytes_of = [](std::int64_t unit) {
    Pipe pipe;
    const SchemaId id = pipe.client.intern({"m", {}, {{"dirty", FieldType::kInteger}}}).value();
    for (std::uint64_t i = 1; i <= 9; ++i) {
      Batch batch;
      batch.add(id, 1, static_cast<std::int64_t>(i)).set(0, unit * (i % 2 == 0 ? 20 : 3));
      EXPECT_TRUE(pipe.send(i, {&batch}).has_value());
      EXPECT_EQ(describe(pipe.received.back().second, pipe.server), describe(batch, pipe.client));
    }
    return pipe.sample_frame_bytes;
  };
  EXPECT_EQ(bytes_of(4097), bytes_of(4096) + 2);  // three bytes of delta, and one
}

// A SCHEMA frame's payload: the first schema, without tags, its fields named by number; then the numbers of `end`.
std::string schema_payload(const std::vector<FieldType>& fields, const std::vector<std::uint64_t>& end) {
  std::string payload;
  ByteWriter w(payload);
  w.varint(0);
  w.text("m");
  w.varint(0);
  w.varint(fields.size());
  for (std::size_t i = 0; i < fields.size(); ++i) {
    w.text(std::to_string(i));
    w.u8(static_cast<std::uint8_t>(fields[i]));
  }
  for (const std::uint64_t number : end) w.varint(number);
  return payload;
}

TEST(SamplesTest, ComplementsThatMakeNoSenseAreRefused) {
  const auto refusal = [](const std::vector<std::uint64_t>& said) -> std::string {
    const std::string payload =
        schema_payload({FieldType::kFloat, FieldType::kFloat, FieldType::kInteger, FieldType::kString}, said);
    SchemaTable table;
    SampleDecoder decoder({}, [&](Schema schema) { return table.intern(std::move(schema)); });
    const Status status = decoder.decode_schema(payload);
    return status.has_value() ? "" : status.error().message;
  };
  EXPECT_EQ(refusal({0}), "");
  EXPECT_EQ(refusal({1, 1, 0}), "");
  EXPECT_NE(refusal({}), "");
  EXPECT_NE(refusal({4}), "");
  EXPECT_NE(refusal({1, 1}), "");
  EXPECT_NE(refusal({1, 0, 0}).find("out of order"), std::string::npos);
  EXPECT_NE(refusal({1, 0, 1}).find("out of order"), std::string::npos);
  EXPECT_NE(refusal({1, 4, 0}).find("out of order"), std::string::npos);
  EXPECT_NE(refusal({2, 1, 0, 1, 0}).find("out of order"), std::string::npos);
  EXPECT_NE(refusal({1, 2, 0}).find("another type"), std::string::npos);
  EXPECT_NE(refusal({1, 3, 0}).find("another type"), std::string::npos);
}

// A valid connection of a few frames, to be damaged.
std::vector<std::pair<std::uint8_t, std::string>> valid_frames() {
  SchemaTable table;
  SampleEncoder encoder(table);
  const SchemaId a = table.intern({"a", {{"k", "v"}}, {{"x", FieldType::kFloat}, {"y", FieldType::kString}}}).value();
  const SchemaId b = table.intern({"b", {}, {{"n", FieldType::kInteger}, {"t", FieldType::kBoolean}}}).value();
  std::string bytes;
  std::vector<Batch> batches(40);
  std::vector<const Batch*> pointers;
  for (std::size_t i = 0; i < batches.size(); ++i) {
    auto first = batches[i].add(a, 2, static_cast<std::int64_t>(i) * 1000);
    first.set(0, static_cast<double>(i) / 3);
    first.set(1, std::string_view("hello"));
    auto second = batches[i].add(b, 2, static_cast<std::int64_t>(i) * 1000 + 5);
    second.set(0, static_cast<std::int64_t>(i) * -7);
    if (i % 2 == 0) second.set(1, true);
    pointers.push_back(&batches[i]);
  }
  encoder.encode(1, std::span(pointers).subspan(0, 1), bytes);
  encoder.encode(2, std::span(pointers).subspan(1), bytes);
  FrameReader reader(kMaxFrameBytes);
  reader.append(bytes);
  std::vector<std::pair<std::uint8_t, std::string>> frames;
  while (const auto frame = reader.next().value()) frames.emplace_back(frame->type, std::string(frame->payload));
  return frames;
}

TEST(SamplesTest, DamagedFramesNeverCrashAndTruncatedOnesAreErrors) {
  const auto frames = valid_frames();
  std::mt19937_64 random(1);
  int errors = 0;
  for (int round = 0; round < 3000; ++round) {
    SchemaTable table;
    SampleDecoder decoder({}, [&](Schema schema) { return table.intern(std::move(schema)); });
    const std::size_t victim = random() % frames.size();
    Batch scratch;
    for (std::size_t i = 0; i < frames.size(); ++i) {
      std::string payload = frames[i].second;
      if (i == victim) {
        if (round % 2 == 0)
          payload.resize(random() % payload.size());
        else
          payload[random() % payload.size()] ^= static_cast<char>(1U << (random() % 8));
      }
      const Status status =
          frames[i].first == static_cast<std::uint8_t>(FrameType::kSchema)
              ? decoder.decode_schema(payload)
              : decoder.decode_samples(payload, scratch, [](std::uint64_t, Batch&) -> Status { return {}; });
      if (!status.has_value()) {
        ++errors;
        break;
      }
      if (i == victim) {
        EXPECT_NE(round % 2, 0) << "a truncated frame was taken";
        break;
      }
    }
  }
  EXPECT_GT(errors, 1500);
}

TEST(SamplesTest, BoundsAreKept) {
  SchemaTable table;
  DecoderLimits limits;
  limits.max_series = 3;
  SampleDecoder decoder(limits, [&](Schema schema) { return table.intern(std::move(schema)); });
  const Status status = decoder.decode_schema(schema_payload(std::vector(4, FieldType::kFloat), {0}));
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().kind, ErrorKind::kLimit);
  EXPECT_NE(status.error().message.find("3 series"), std::string::npos);
}

TEST(SamplesTest, AFewBytesCannotStandForGigabytesOfRepeatedText) {
  SchemaTable client;
  const SchemaId id = client.intern({"m", {}, {{"s", FieldType::kString}}}).value();
  SampleEncoder encoder(client);
  Batch batch;
  batch.add(id, 1, 0).set(0, std::string_view(std::string(60'000, 'x')));
  const std::vector<const Batch*> many(1000, &batch);
  std::string bytes;
  encoder.encode(1, many, bytes);
  ASSERT_LT(bytes.size(), 100'000U);
  SchemaTable table;
  SampleDecoder decoder({}, [&](Schema schema) { return table.intern(std::move(schema)); });
  FrameReader frames(kMaxFrameBytes);
  frames.append(bytes);
  ASSERT_TRUE(decoder.decode_schema(frames.next().value()->payload).has_value());
  Batch scratch;
  std::size_t taken = 0;
  const Status status =
      decoder.decode_samples(frames.next().value()->payload, scratch, [&](std::uint64_t, Batch& b) -> Status {
        taken += b.text().size();
        return {};
      });
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().kind, ErrorKind::kLimit);
  EXPECT_LE(taken, DecoderLimits{}.max_text_bytes_per_frame);
}

TEST(SamplesTest, AFewBytesCannotStandForGigabytesOfAbsentFields) {
  SchemaTable table;
  SampleDecoder decoder({}, [&](Schema schema) { return table.intern(std::move(schema)); });
  ASSERT_TRUE(decoder.decode_schema(schema_payload(std::vector(10'000, FieldType::kInteger), {0})).has_value());
  std::string samples;
  ByteWriter w(samples);
  w.u8(0);
  w.varint(1);
  w.varint(1);
  w.varint(0);  // time
  w.varint(0);  // a new shape
  w.varint(1000);
  for (int i = 0; i < 1000; ++i) w.signed_varint(i == 0 ? 0 : -1);
  w.varint(0);
  Batch scratch;
  const Status status = decoder.decode_samples(samples, scratch, [](std::uint64_t, Batch&) -> Status { return {}; });
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().kind, ErrorKind::kLimit);
  EXPECT_LT(scratch.memory_bytes(), 64U << 20U);
}

}  // namespace
}  // namespace resmon::wire
