#include "lineproto/decoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "lineproto/encoder.h"

namespace resmon::lineproto {
namespace {

using metric::Batch;
using metric::FieldType;
using metric::SchemaTable;

// Rows as text: canonical lines with the u suffix.
std::string text_of(const SchemaTable& schemas, const Batch& batch) {
  std::string text;
  LineEncoder(schemas, {.unsigned_as_integer = false}).append(batch, text);
  return text;
}

struct Decoded {
  std::string rows;
  std::string errors;
  DecodeReport report;
};

Decoded decode(std::string_view text, DecodeOptions options = {.default_time = 77}, DecoderLimits limits = {}) {
  SchemaTable schemas;
  Batch batch;
  LineDecoder decoder(schemas, limits);
  Decoded out;
  out.report = decoder.decode(text, options, batch);
  out.rows = text_of(schemas, batch);
  out.errors = out.report.error_text();
  return out;
}

TEST(DecoderTest, LinesWithoutATimeCanHaveTimesOfTheirOwn) {
  const Decoded found = decode("m v=1\nm v=2 5\nm v=\nm v=3",
                               {.precision = Precision::kSecond, .default_time = 77, .own_default_times = true});
  EXPECT_EQ(found.rows, "m v=1 77\nm v=2 5000000000\nm v=3 78\n");
  EXPECT_EQ(found.report.without_time, 2U);
}

TEST(DecoderTest, ALineFeedInQuotesEndsALineWhereItIsToldTo) {
  const std::string text = "m s=\"open\nm v=1 5\nm s=\"a b\" 6\n";
  EXPECT_EQ(decode(text, {.default_time = 77, .line_feed_ends = true}).rows, "m v=1 5\nm s=\"a b\" 6\n");
  EXPECT_EQ(decode("m s=\"two\nlines\" 5").report.lines, 1U);
  const std::string large = "m v=1 5\nm s=\"" + std::string(300, 'x') + "\nm v=2 6";
  const Decoded found = decode(large, {.default_time = 77, .line_feed_ends = true}, {.line_bytes = 100});
  EXPECT_EQ(found.rows, "m v=1 5\nm v=2 6\n");
  EXPECT_EQ(found.report.refused_lines, 1U);
}

TEST(DecoderTest, TakesWhatInfluxTakes) {
  const std::vector<std::pair<std::string, std::string>> rows{
      {"m f=1", "m f=1 77\n"},
      {"m f=1 5", "m f=1 5\n"},
      {"  m   f=1   5  ", "m f=1 5\n"},
      {"m f=1 -5\r\n", "m f=1 -5\n"},
      {"m f=1,g=.5,h=1.,i=1e4,j=-1.5E-2,k=-.25", "m f=1,g=0.5,h=1,i=10000,j=-0.015,k=-0.25 77\n"},
      {"m f=1e-400", "m f=0 77\n"},
      {"m f=9223372036854775807i,g=-9223372036854775808i", "m f=9223372036854775807i,g=-9223372036854775808i 77\n"},
      {"m f=18446744073709551615u", "m f=18446744073709551615u 77\n"},
      {"m a=t,b=T,c=true,d=True,e=TRUE", "m a=true,b=true,c=true,d=true,e=true 77\n"},
      {"m a=f,b=F,c=false,d=False,e=FALSE", "m a=false,b=false,c=false,d=false,e=false 77\n"},
      {"m s=\"\",t=\"a,b=c d\"", "m s=\"\",t=\"a,b=c d\" 77\n"},
      {"m s=\"a\\\"b\\\\c\\d\"", "m s=\"a\\\"b\\\\c\\\\d\" 77\n"},
      {"m s=\"two\nlines\" 5\nn f=1 6", "m s=\"two\\\\nlines\" 5\nn f=1 6\n"},
      {"m,b=2,a=1 f=1", "m,a=1,b=2 f=1 77\n"},
      {"a\\ b\\,c=d,e\\=f=g\\ h f\\ g=1", "a\\ b\\,c=d,e\\=f=g\\ h f\\ g=1 77\n"},
      {"m,p=C:\\x f=1", "m,p=C:\\x f=1 77\n"},
      {"m\"x,\"t=\"v\" \"f\"=1", "m\"x,\"t=\"v\" \"f\"=1 77\n"},
      {"m f=1,f=2", "m f=2 77\n"},
      {"m f=1,g=3,f=true", "m f=true,g=3 77\n"},
      {"# comment\n\n   \n\t# another\nm f=1", "m f=1 77\n"},
      {"m,t=日本 f=1", "m,t=日本 f=1 77\n"},
      {"", ""},
      {"\n\n", ""},
  };
  for (const auto& [line, want] : rows) {
    const Decoded got = decode(line);
    EXPECT_EQ(got.rows, want) << line;
    EXPECT_EQ(got.errors, "") << line;
    EXPECT_EQ(got.report.refused_lines, 0U) << line;
  }
}

TEST(DecoderTest, RefusesInTheWordsOfInflux) {
  const std::vector<std::pair<std::string, std::string>> rows{
      {"m", "missing fields"},
      {"m,a=b", "missing fields"},
      {"m,a=b ", "invalid field format"},
      {",a=b f=1", "missing measurement"},
      {"m,a f=1", "missing tag value"},
      {"m,a= f=1", "missing tag value"},
      {"m,a=,b=c f=1", "missing tag value"},
      {"m,=b f=1", "missing tag key"},
      {"m, f=1", "missing tag key"},
      {"m,a=b,a=c f=1", "duplicate tags"},
      {"m,a=b=c f=1", "invalid tag format"},
      {"m f", "invalid field format"},
      {"m f 5", "invalid field format"},
      {"m f=1,g 5", "invalid field format"},
      {"m f=1, 5", "invalid field format"},
      {"m =1", "missing field key"},
      {"m f=1,=2", "missing field key"},
      {"m f=", "missing field value"},
      {"m f= 5", "missing field value"},
      {"m f=,g=1", "missing field value"},
      {"m f=NaN", "invalid number"},
      {"m f=nan", "invalid number"},
      {"m f=-Inf", "invalid number"},
      {"m f=Inf", "invalid boolean"},
      {"m f=1e", "invalid float"},
      {"m f=1.2.3", "invalid number"},
      {"m f=-", "invalid number"},
      {"m f=.", "invalid number"},
      {"m f=0x10", "invalid number"},
      {"m f=1.5i", "invalid number"},
      {"m f=-1u", "invalid number"},
      {"m f=1e400", "invalid float"},
      {"m f=9223372036854775808i",
       "unable to parse integer 9223372036854775808: strconv.ParseInt: parsing \"9223372036854775808\": value out of "
       "range"},
      {"m f=tru", "invalid boolean"},
      {"m f=+1", "invalid boolean"},
      {"m f=\"a", "unbalanced quotes"},
      {"m f=\"a\\\"", "unbalanced quotes"},
      {"m f=\"a\"b", "invalid field format"},
      {"m f=1 noon", "bad timestamp"},
      {"m f=1 1.5", "bad timestamp"},
      {"m f=1 5 6", "point is invalid"},
      {"m f=1 9223372036854775808", "strconv.ParseInt: parsing \"9223372036854775808\": value out of range"},
      {"m f=1 9223372036854775807", "time outside range -9223372036854775806 - 9223372036854775806"},
  };
  for (const auto& [line, reason] : rows) {
    const Decoded got = decode(line);
    std::string shown = line;
    EXPECT_EQ(got.errors, "unable to parse '" + shown + "': " + reason);
    EXPECT_EQ(got.rows, "") << line;
    EXPECT_EQ(got.report.refused_lines, 1U) << line;
  }
  EXPECT_EQ(decode("m,time=x f=1").errors, "invalid tag key: input tag \"time\" on measurement \"m\" is invalid");
  EXPECT_EQ(decode("m time=1").errors, "invalid field name: input field \"time\" on measurement \"m\" is invalid");
}

TEST(DecoderTest, GoodLinesLiveBesideBadOnes) {
  const Decoded got = decode("a f=1 1\nb f= 2\nc f=3 3\nd f=\"open\ne f=5 5\nf\n");
  EXPECT_EQ(got.rows, "a f=1 1\nc f=3 3\ne f=5 5\n");
  EXPECT_EQ(got.errors,
            "unable to parse 'b f= 2': missing field value\n"
            "unable to parse 'd f=\"open': unbalanced quotes\n"
            "unable to parse 'f': missing fields");
  EXPECT_EQ(got.report.lines, 6U);
  EXPECT_EQ(got.report.samples, 3U);
  EXPECT_EQ(got.report.refused_lines, 3U);
  ASSERT_EQ(got.report.errors.size(), 3U);
  EXPECT_EQ(got.report.errors[0].line_number, 2U);
  EXPECT_EQ(got.report.errors[1].line_number, 4U);
}

TEST(DecoderTest, PrecisionScalesAndDefaultTimeIsRoundedDown) {
  const UnixNanos now = 1'700'000'000'123'456'789;
  EXPECT_EQ(decode("m f=1 5\nm f=1", {Precision::kSecond, now}).rows, "m f=1 5000000000\nm f=1 1700000000000000000\n");
  EXPECT_EQ(decode("m f=1 5", {Precision::kMillisecond, now}).rows, "m f=1 5000000\n");
  EXPECT_EQ(decode("m f=1 -5", {Precision::kHour, now}).rows, "m f=1 -18000000000000\n");
  EXPECT_THAT(decode("m f=1 9223372037", {Precision::kSecond, now}).errors, ::testing::HasSubstr("time outside range"));
  EXPECT_EQ(parse_precision("ms").value(), Precision::kMillisecond);
  EXPECT_EQ(parse_precision("").value(), Precision::kNanosecond);
  EXPECT_FALSE(parse_precision("d"));
}

TEST(DecoderTest, LimitsHold) {
  const std::string name(65'532, 'n');
  EXPECT_EQ(decode("m " + name + "=1").errors.substr(0, 20), "unable to parse 'm n");
  EXPECT_THAT(decode("m " + name + "=1").errors, ::testing::HasSubstr("max key length exceeded: 65537 > 65535"));
  EXPECT_THAT(decode(std::string(65'536, 'm') + " f=1").errors, ::testing::HasSubstr("max key length exceeded: 65536"));
  EXPECT_EQ(decode("m f=1,g=2\nab f=1\n" + std::string(100, 'x') + "\nm f=2", {}, {.line_bytes = 10}).rows,
            "m f=1,g=2 0\nab f=1 0\nm f=2 0\n");
  const Decoded many = decode("a\nb\nc\nd\n", {}, {.errors_kept = 2});
  EXPECT_EQ(many.report.refused_lines, 4U);
  EXPECT_EQ(many.errors, "unable to parse 'a': missing fields\nunable to parse 'b': missing fields\nand 2 more");
}

TEST(DecoderTest, AFullSchemaTableRefusesNewShapesOnly) {
  SchemaTable schemas(1);
  LineDecoder decoder(schemas);
  Batch batch;
  const DecodeReport report = decoder.decode("a f=1\nb f=1\na f=2\n", {}, batch);
  EXPECT_EQ(batch.rows().size(), 2U);
  EXPECT_THAT(report.error_text(), ::testing::HasSubstr("schema table is full"));
}

TEST(DecoderTest, KnownShapesAreNotInternedAgainAndAForgetfulCacheChangesNothing) {
  std::string text;
  for (int i = 0; i < 300; ++i)
    text += "m,h=" + std::to_string(i % 7) + " f" + std::to_string(i % 11) + "=" + std::to_string(i) + " 1\n";
  SchemaTable schemas;
  Batch batch;
  LineDecoder decoder(schemas);
  decoder.decode(text, {}, batch);
  EXPECT_EQ(schemas.size(), 77U);
  EXPECT_EQ(text_of(schemas, batch), text);
  EXPECT_EQ(decode(text, {}, {.cache_bytes = 100}).rows, text);
}

// Telegraf writes the fields of a map, in another order each time.
TEST(DecoderTest, EveryOrderOfTheSameFieldsIsOneSchema) {
  std::vector<std::string> fields;
  for (int i = 0; i < 12; ++i) fields.push_back("f" + std::to_string(i) + "=" + std::to_string(i) + "i");
  SchemaTable schemas;
  std::mt19937 random(5);
  for (const std::size_t cache_bytes : {std::size_t{64} << 20U, std::size_t{1}}) {
    LineDecoder decoder(schemas, {.cache_bytes = cache_bytes});
    for (int round = 0; round < 2000; ++round) {
      std::shuffle(fields.begin(), fields.end(), random);
      std::string line = "mem,host=h ";
      for (const std::string& field : fields) line += field + ",";
      line.back() = '\n';
      Batch batch;
      ASSERT_EQ(decoder.decode(line, {}, batch).refused_lines, 0U);
      const metric::Row& row = batch.rows().front();
      ASSERT_EQ(row.fields, 12U);
      for (std::size_t f = 0; f < 12; ++f)
        ASSERT_EQ("f" + std::to_string(metric::as_integer(batch.value(row, f))), schemas[row.schema].fields[f].name);
    }
  }
  EXPECT_EQ(schemas.size(), 1U);
}

// Where a name comes twice the last value counts, whatever the order is.
TEST(DecoderTest, ReorderedFieldsThatComeTwice) {
  SchemaTable schemas;
  LineDecoder decoder(schemas);
  for (const auto& [line, a] : {std::pair{"m a=1,b=2,a=3", 3.0}, {"m b=2,a=3,a=1", 1.0}, {"m a=1,a=4,b=2", 4.0}}) {
    Batch batch;
    decoder.decode(line, {}, batch);
    const metric::Row& row = batch.rows().front();
    EXPECT_EQ(metric::as_float(batch.value(row, 0)), a) << line;
    EXPECT_EQ(metric::as_float(batch.value(row, 1)), 2.0) << line;
  }
  EXPECT_EQ(schemas.size(), 1U);
}

TEST(DecoderTest, AShapeWhoseSchemaWasRetiredIsInternedAgain) {
  SchemaTable schemas;
  LineDecoder decoder(schemas);
  Batch batch;
  decoder.decode("m,h=1 f=1 1\n", {}, batch);
  batch.clear();
  for (int i = 0; i < 3; ++i) schemas.sweep(1);
  ASSERT_EQ(schemas.size(), 0U);
  ASSERT_TRUE(schemas.intern({"another", {}, {{"g", metric::FieldType::kString}}}));  // takes the id
  decoder.decode("m,h=1 f=2 2\n", {}, batch);
  EXPECT_EQ(text_of(schemas, batch), "m,h=1 f=2 2\n");
}

TEST(DecoderTest, AStreamInAnyPiecesGivesWhatTheWholeGives) {
  const std::string text = "a,t=1 f=1 1\n# c\nb s=\"x\ny\" 2\nbad\n" + std::string(50, 'l') +
                           " f=1 3\nc f=2 4\nd s=\"open\ne f=1 5\nlast f=1 6";
  const DecoderLimits limits{.line_bytes = 40};
  const Decoded whole = decode(text, {}, limits);
  EXPECT_EQ(whole.report.refused_lines, 3U);
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    SchemaTable schemas;
    Batch batch;
    LineDecoder decoder(schemas, limits);
    std::string errors;
    const auto take = [&](const DecodeReport& report) {
      for (const LineError& error : report.errors) errors += (errors.empty() ? "" : "\n") + error.message;
    };
    for (std::size_t at = 0; at < text.size(); at += piece)
      take(decoder.feed(std::string_view(text).substr(at, piece), {}, batch));
    take(decoder.finish({}, batch));
    EXPECT_EQ(text_of(schemas, batch), whole.rows) << piece;
    EXPECT_EQ(errors, whole.errors) << piece;
  }
}

// Random rows, encoded and decoded, are the same rows, whatever bytes are in their names and texts.
TEST(DecoderTest, WhatTheEncoderWritesComesBack) {
  std::mt19937_64 random(20261122);
  const auto below = [&](std::uint64_t limit) { return random() % limit; };
  const auto word = [&](std::string_view letters, std::size_t least) {
    std::string text;
    for (std::size_t n = least + below(8); n > 0; --n) text += letters[below(letters.size())];
    return text;
  };
  // Names cannot end in a backslash nor hold control characters; texts cannot hold line breaks.
  const std::string names = "ab,= \"\\#'é";
  const std::string texts = "ab,= \"\\#'é\t";
  const auto name = [&] { return word(names, 0) + "z"; };
  for (int round = 0; round < 2000; ++round) {
    SchemaTable schemas;
    Batch batch;
    metric::Schema schema{"m" + name(), {}, {}};
    for (std::uint64_t n = below(4); n > 0; --n) schema.tags.push_back({name(), name()});
    metric::normalise_tags(schema.tags);
    for (std::uint64_t n = 1 + below(70); n > 0; --n) {
      const std::string field = std::to_string(n) + word("ab,= \"#'é", 0);
      schema.fields.push_back({field, static_cast<FieldType>(below(metric::kFieldTypeCount))});
    }
    std::vector<metric::Field> sorted = schema.fields;
    std::ranges::sort(sorted, {}, &metric::Field::name);
    schema.fields = std::move(sorted);
    const metric::Schema copy = schema;
    const auto id = schemas.intern(std::move(schema)).value();
    metric::RowWriter row = batch.add(id, copy.fields.size(), static_cast<std::int64_t>(random() >> 2U));
    for (std::size_t i = 0; i < copy.fields.size(); ++i) {
      switch (copy.fields[i].type) {
        case FieldType::kFloat: {
          const double value = std::bit_cast<double>(random());
          row.set(i, value - value == 0 ? value : 0.5);
          break;
        }
        case FieldType::kString:
          row.set(i, std::string_view(word(texts, 0)));
          break;
        case FieldType::kBoolean:
          row.set(i, below(2) == 0);
          break;
        default:
          row.set_cell(i, random() >> below(64));
      }
    }
    const std::string text = text_of(schemas, batch);
    Batch back;
    LineDecoder decoder(schemas);
    const DecodeReport report = decoder.decode(text, {}, back);
    ASSERT_EQ(report.error_text(), "") << text;
    ASSERT_EQ(back.rows().size(), 1U);
    ASSERT_EQ(back.rows()[0].schema, id) << text;  // the very same measurement, tags, fields and types
    ASSERT_EQ(back.rows()[0].time, batch.rows()[0].time);
    for (std::size_t i = 0; i < copy.fields.size(); ++i) {
      if (copy.fields[i].type == FieldType::kString)
        ASSERT_EQ(back.string(back.rows()[0], i), batch.string(batch.rows()[0], i)) << text;
      else
        ASSERT_EQ(back.value(back.rows()[0], i), batch.value(batch.rows()[0], i)) << text;
    }
  }
}

TEST(DecoderTest, RandomBytesNeverCrash) {
  std::mt19937_64 random(7);
  const std::string letters("m,= \\\"\n\t\0\r#f1i-.uet\xff", 21);
  for (int round = 0; round < 20000; ++round) {
    std::string text;
    for (std::uint64_t n = random() % 60; n > 0; --n) text += letters[random() % letters.size()];
    const Decoded got = decode(text, {}, {.line_bytes = 30});
    // Whatever was taken is canonical: decoding it again gives the same.
    EXPECT_EQ(decode(got.rows).rows, got.rows);
  }
}

}  // namespace
}  // namespace resmon::lineproto
