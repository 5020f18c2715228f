#include "ingest/record.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

namespace resmon::ingest {
namespace {

using metric::FieldType;

// Everything a batch says, as text.
std::string describe(const metric::SchemaTable& schemas, const metric::Batch& batch) {
  std::string out;
  for (const metric::Row& row : batch.rows()) {
    const metric::Schema& schema = schemas[row.schema];
    out += metric::group_key(schema.measurement, schema.tags) + "@" + std::to_string(row.time);
    for (std::size_t f = 0; f < row.fields; ++f) {
      if (!batch.has(row, f)) continue;
      out += " " + schema.fields[f].name + "=";
      out += schema.fields[f].type == FieldType::kString ? std::string(batch.string(row, f))
                                                         : std::to_string(batch.value(row, f));
    }
    out += "\n";
  }
  return out;
}

metric::Schema wide(std::size_t fields) {
  metric::Schema schema{"wide", {{"host", "h"}}, {}};
  for (std::size_t i = 0; i < fields; ++i)
    schema.fields.push_back({"f" + std::to_string(i), static_cast<FieldType>(i % metric::kFieldTypeCount)});
  return schema;
}

class RecordTest : public ::testing::Test {
 protected:
  // What another process reads of records that this one wrote.
  std::string read_elsewhere(const std::vector<std::string>& records) {
    metric::SchemaTable schemas;
    // Its numbers are not ours.
    EXPECT_TRUE(schemas.intern({"something", {}, {{"else", FieldType::kFloat}}}));
    RecordDecoder decoder(schemas);
    decoder.begin_segment();
    metric::Batch out;
    for (const std::string& bytes : records) {
      const auto view = read_record(bytes);
      EXPECT_TRUE(view);
      EXPECT_TRUE(decoder.define(view->definitions, false));
      EXPECT_TRUE(decoder.decode(view->rows, out));
    }
    return describe(schemas, out);
  }
  std::string record_of(const metric::Batch& batch) {
    std::string rows;
    std::string definitions;
    std::string record;
    encode_rows(schemas_, batch, rows);
    dictionary_.define(batch, definitions);
    RecordHead head;
    head.samples = batch.samples();
    encode_record(head, {}, definitions, rows, record);
    return record;
  }

  metric::SchemaTable schemas_;
  SegmentDictionary dictionary_{schemas_};
};

TEST_F(RecordTest, RandomBatchesComeBackInThisProcessAndInAnother) {
  std::mt19937_64 random(7);
  std::vector<metric::SchemaId> ids;
  for (const std::size_t n : {1U, 3U, 8U, 64U, 65U, 130U}) ids.push_back(schemas_.intern(wide(n)).value());
  const double odd[] = {0.0, -0.0, 12.34, 1e300, -1e-300, 0.1 + 0.2, 16.400000001667067, 1e13, -1e13, 99999999999.99};
  std::vector<std::string> records;
  metric::Batch all;
  std::string wanted;
  RecordDecoder decoder(schemas_);
  for (int round = 0; round < 200; ++round) {
    metric::Batch batch;
    const std::size_t gathers = 1 + random() % 4;
    const std::size_t per_gather = 1 + random() % ids.size();
    for (std::size_t g = 0; g < gathers; ++g) {
      for (std::size_t i = 0; i < per_gather; ++i) {
        // Now and then a gather that is not like the one before.
        const metric::SchemaId id = random() % 20 == 0 ? ids[random() % ids.size()] : ids[i];
        const auto& fields = schemas_[id].fields;
        auto row = batch.add(id, fields.size(), static_cast<UnixNanos>(random() % 4 == 0 ? random() : 1000 * g));
        for (std::size_t f = 0; f < fields.size(); ++f) {
          if (random() % 8 == 0) continue;
          switch (fields[f].type) {
            case FieldType::kFloat:
              row.set(f,
                      random() % 2 == 0 ? odd[random() % std::size(odd)] : static_cast<double>(random() % 10000) / 100);
              break;
            case FieldType::kString:
              row.set(f, std::string_view(std::string(random() % 40, static_cast<char>('a' + random() % 26))));
              break;
            case FieldType::kBoolean:
              row.set(f, random() % 2 == 0);
              break;
            default:
              row.set_cell(f, random() % 3 == 0 ? random() : random() % 1000);
          }
        }
      }
    }
    records.push_back(record_of(batch));
    wanted += describe(schemas_, batch);
    const auto view = read_record(records.back());
    ASSERT_TRUE(view);
    EXPECT_EQ(view->head.samples, batch.samples());
    ASSERT_TRUE(decoder.define(view->definitions, true));
    metric::Batch back;
    ASSERT_TRUE(decoder.decode(view->rows, back));
    ASSERT_EQ(describe(schemas_, back), describe(schemas_, batch));
    EXPECT_EQ(back.samples(), batch.samples());
  }
  EXPECT_EQ(read_elsewhere(records), wanted);
}

TEST_F(RecordTest, EachSegmentIsReadAlone) {
  std::vector<metric::SchemaId> ids;
  // More texts than are kept for a segment that does not need them.
  constexpr std::size_t kMany = 70'000;
  for (std::size_t i = 0; i < kMany; ++i) {
    const metric::Field field{"f" + std::to_string(i % 3), FieldType::kInteger};
    ids.push_back(schemas_.intern({"m" + std::to_string(i % 5), {{"host", std::to_string(i)}}, {field}}).value());
  }
  RecordDecoder follower(schemas_);  // of the whole journal, as the server's readers
  const auto segment = [&](std::size_t from, std::size_t to, std::size_t step) {
    dictionary_.begin_segment();
    follower.begin_segment();
    metric::Batch one;
    metric::Batch two;
    for (std::size_t i = to; i > from; i -= step) {
      one.add(ids[i - 1], 1, static_cast<UnixNanos>(i)).set(0, static_cast<std::int64_t>(i));
      two.add(ids[i - 1], 1, static_cast<UnixNanos>(i) + 1).set(0, static_cast<std::int64_t>(i));
    }
    const std::vector<std::string> records{record_of(one), record_of(two)};
    EXPECT_LT(records[1].size(), records[0].size()) << "what the first defined is not defined again";
    const std::string wanted = describe(schemas_, one) + describe(schemas_, two);
    EXPECT_EQ(read_elsewhere(records), wanted) << from << " to " << to;
    metric::Batch out;
    for (const std::string& record : records) {
      const auto view = read_record(record);
      EXPECT_TRUE(follower.define(view->definitions, true));
      EXPECT_TRUE(follower.decode(view->rows, out));
    }
    EXPECT_EQ(describe(schemas_, out), wanted);
  };
  segment(0, 50, 1);
  segment(25, 75, 2);  // some of the same, in another order
  segment(0, kMany, 1);
  segment(0, 50, 1);
  segment(40, 90, 1);  // what only the largest had is forgotten
  segment(0, kMany, 4);
}

TEST_F(RecordTest, RowsThatAreNotWantedHaveTheirTimeOnly) {
  const auto plain = schemas_.intern(wide(70)).value();
  const auto other = schemas_.intern({"other", {{"host", "h"}}, {{"a", FieldType::kInteger}}}).value();
  metric::Batch batch;
  for (int i = 0; i < 4; ++i) {
    auto row = batch.add(plain, 70, i);
    for (std::size_t f = 0; f < 70; ++f) {
      if (f % 7 == 3) continue;
      if (wide(70).fields[f].type == FieldType::kString)
        row.set(f, std::string_view("text"));
      else if (wide(70).fields[f].type == FieldType::kFloat)
        row.set(f, f % 2 == 0 ? 1.5 : 0.1 + 0.2);
      else
        row.set_cell(f, f % 2);
    }
    batch.add(other, 1, i).set(0, std::int64_t{1000} + i);
  }
  const std::string record = record_of(batch);
  const auto view = read_record(record);
  RecordDecoder decoder(schemas_);
  ASSERT_TRUE(decoder.define(view->definitions, true));
  metric::Batch out;
  ASSERT_TRUE(decoder.decode(view->rows, out, [&](metric::SchemaId id) { return id == other; }));
  ASSERT_EQ(out.rows().size(), 8U);
  for (std::size_t i = 0; i < 8; ++i) {
    const metric::Row& row = out.rows()[i];
    EXPECT_EQ(row.time, static_cast<UnixNanos>(i / 2));
    EXPECT_EQ(row.schema, i % 2 == 0 ? plain : other);
    EXPECT_EQ(row.fields, i % 2);
    if (row.fields == 1) {
      EXPECT_EQ(metric::as_integer(out.value(row, 0)), 1000 + static_cast<std::int64_t>(i / 2));
    }
  }
  for (std::size_t cut = 0; cut < view->rows.size(); ++cut) {
    metric::Batch part;
    EXPECT_FALSE(decoder.decode(view->rows.substr(0, cut), part, [](metric::SchemaId) { return false; })) << cut;
  }
}

TEST_F(RecordTest, ADictionaryThatStartsOverIsUnderstood) {
  const auto one = schemas_.intern({"one", {{"k", "v"}}, {{"a", FieldType::kInteger}}}).value();
  const auto two = schemas_.intern({"two", {{"k", "w"}}, {{"a", FieldType::kInteger}}}).value();
  metric::Batch first;
  first.add(one, 1, 1).set(0, std::int64_t{1});
  metric::Batch lost;
  lost.add(two, 1, 2).set(0, std::int64_t{2});
  metric::Batch third;
  third.add(two, 1, 3).set(0, std::int64_t{3});
  third.add(one, 1, 3).set(0, std::int64_t{3});
  std::vector<std::string> records{record_of(first)};
  (void)record_of(lost);
  dictionary_.start_over();
  records.push_back(record_of(third));
  EXPECT_EQ(read_elsewhere(records), describe(schemas_, first) + describe(schemas_, third));
}

// A reader may be hours behind: by then the table has given the ids to others.
TEST_F(RecordTest, AReaderThatIsFarBehindMakesForgottenSchemasAgain) {
  const metric::Schema first{"first", {{"k", "v"}}, {{"a", FieldType::kInteger}}};
  const metric::Schema second{"second", {{"k", "w"}}, {{"b", FieldType::kInteger}}};
  std::vector<std::string> records;
  std::string wanted;
  for (std::int64_t i = 0; i < 2; ++i) {
    metric::Batch batch;
    batch.pin(schemas_);
    batch.add(schemas_.intern(first).value(), 1, i).set(0, i);
    EXPECT_FALSE(dictionary_.conflicts(batch));
    records.push_back(record_of(batch));
    wanted += describe(schemas_, batch);
  }
  for (int i = 0; i < 3; ++i) schemas_.sweep(1);
  ASSERT_EQ(schemas_.size(), 0U);
  metric::Batch other;
  other.pin(schemas_);
  other.add(schemas_.intern(second).value(), 1, 7).set(0, std::int64_t{7});
  // In one segment an id stands for one schema.
  EXPECT_TRUE(dictionary_.conflicts(other));
  RecordDecoder decoder(schemas_);
  std::string got;
  for (const std::string& record : records) {
    const auto view = read_record(record);
    ASSERT_TRUE(decoder.define(view->definitions, true));
    metric::Batch back;
    ASSERT_TRUE(decoder.decode(view->rows, back));
    got += describe(schemas_, back);
    back.clear();
    for (int i = 0; i < 3; ++i) schemas_.sweep(1);  // between the records, too
  }
  EXPECT_EQ(got, wanted);
  EXPECT_EQ(describe(schemas_, other).substr(0, 6), "second");
  dictionary_.begin_segment();
  EXPECT_FALSE(dictionary_.conflicts(other));
}

TEST_F(RecordTest, AFullTableDoesNotLoseWhatWasAcknowledged) {
  metric::Batch batch;
  batch.add(schemas_.intern(wide(3)).value(), 3, 1).set(0, 1.5);
  const std::string record = record_of(batch);
  metric::SchemaTable full(0);
  RecordDecoder decoder(full);
  const auto view = read_record(record);
  ASSERT_TRUE(decoder.define(view->definitions, false));
  metric::Batch back;
  ASSERT_TRUE(decoder.decode(view->rows, back));
  EXPECT_EQ(describe(full, back), describe(schemas_, batch));
}

TEST_F(RecordTest, StreamsAndHeadComeBack) {
  RecordHead head;
  head.received = -5;
  head.samples = 7;
  head.samples_before = 1ULL << 60U;
  head.stream[3] = 9;
  head.first_sequence = 10;
  head.last_sequence = UINT64_MAX;
  const std::vector<StreamMark> marks{{{1}, 5}, {{2}, UINT64_MAX}};
  std::string record;
  encode_record(head, marks, "", "", record);
  const auto view = read_record(record);
  ASSERT_TRUE(view);
  EXPECT_EQ(view->head.received, -5);
  EXPECT_EQ(view->head.samples_before, 1ULL << 60U);
  EXPECT_EQ(view->head.stream, head.stream);
  EXPECT_EQ(view->head.last_sequence, UINT64_MAX);
  EXPECT_EQ(read_streams(view->streams), marks);
}

TEST_F(RecordTest, DamageIsAnErrorAndNothingWorse) {
  metric::Batch batch;
  const auto id = schemas_.intern(wide(70)).value();
  for (int i = 0; i < 4; ++i) {
    auto row = batch.add(id, 70, i);
    for (std::size_t f = 0; f < 70; ++f) {
      if (f % 5 == 4)
        row.set(f, std::string_view("text"));
      else if (f % 5 == 0)
        row.set(f, 1.5);
      else
        row.set_cell(f, f % 2);
    }
  }
  const std::string whole = record_of(batch);
  std::mt19937 random(3);
  for (std::size_t i = 0; i < 20'000; ++i) {
    std::string bytes = whole.substr(0, i < whole.size() ? i : whole.size());
    if (i >= whole.size())
      for (int k = 0; k < 3; ++k) bytes[random() % bytes.size()] = static_cast<char>(random());
    const auto view = read_record(bytes);
    if (!view) continue;
    metric::SchemaTable schemas(100);
    RecordDecoder decoder(schemas);
    metric::Batch out;
    if (decoder.define(view->definitions, false)) (void)decoder.decode(view->rows, out);
  }
}

}  // namespace
}  // namespace resmon::ingest
