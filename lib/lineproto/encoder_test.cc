#include "lineproto/encoder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace resmon::lineproto {
namespace {

using metric::Batch;
using metric::FieldType;
using metric::RowWriter;
using metric::SchemaTable;

constexpr UnixNanos kTime = 1'700'000'000'123'456'789;

TEST(EncoderTest, DocumentedFieldsHaveTheirTypes) {
  SchemaTable schemas;
  const auto id = schemas
                      .intern({"mem",
                               {},
                               {{"total", FieldType::kUnsigned},
                                {"used_percent", FieldType::kInteger},
                                {"free", FieldType::kFloat},
                                {"own", FieldType::kUnsigned}}})
                      .value();
  Batch batch;
  RowWriter row = batch.add(id, 4, 1);
  row.set(0, std::uint64_t{8});
  row.set(1, std::int64_t{50});
  row.set(2, 1.5);
  row.set(3, std::uint64_t{7});
  LineEncoder encoder(schemas, {.unsigned_as_integer = false, .pin_types = true});
  std::string text;
  EXPECT_EQ(encoder.append(batch, text), 3U);
  EXPECT_EQ(text, "mem total=8i,used_percent=50,own=7u 1\n");
  EXPECT_EQ(encoder.skipped_values(), 1U);
}

TEST(EncoderTest, AnIdThatIsUsedAgainHasItsNewSchemasPrefix) {
  SchemaTable schemas;
  LineEncoder encoder(schemas);
  std::string text;
  for (const char* name : {"old", "new"}) {
    Batch batch;
    batch.pin(schemas);
    const auto id = schemas.intern({name, {}, {{"f", FieldType::kFloat}}}).value();
    EXPECT_EQ(id, 0U);
    batch.add(id, 1, 1).set(0, 1.0);
    encoder.append(batch, text);
    batch.clear();
    for (int i = 0; i < 3; ++i) schemas.sweep(1);
  }
  EXPECT_EQ(text, "old f=1 1\nnew f=1 1\n");
}

TEST(EncoderTest, WritesEveryType) {
  SchemaTable schemas;
  const auto id = schemas
                      .intern({"all",
                               {{"b", "2"}},
                               {{"f", FieldType::kFloat},
                                {"i", FieldType::kInteger},
                                {"u", FieldType::kUnsigned},
                                {"t", FieldType::kBoolean},
                                {"s", FieldType::kString}}})
                      .value();
  Batch batch;
  RowWriter row = batch.add(id, 5, kTime);
  row.set(0, 0.1);
  row.set(1, std::int64_t{-5});
  row.set(2, std::numeric_limits<std::uint64_t>::max());
  row.set(3, true);
  row.set(4, std::string_view("say \"a\\b\""));
  batch.add(id, 5, -1).set(3, false);
  batch.add(id, 5, 0);  // no values: no line

  LineEncoder plain(schemas, {.extra_tags = {{"host", "web 1"}, {"b", "lost"}, {"a", "1"}}});
  std::string text;
  EXPECT_EQ(plain.append(batch, text), 6U);
  EXPECT_EQ(text,
            "all,a=1,b=2,host=web\\ 1 f=0.1,i=-5i,u=9223372036854775807i,t=true,s=\"say \\\"a\\\\b\\\"\" "
            "1700000000123456789\n"
            "all,a=1,b=2,host=web\\ 1 t=false -1\n");

  LineEncoder milliseconds(schemas, {.precision = Precision::kMillisecond, .unsigned_as_integer = false});
  text.clear();
  milliseconds.append(batch, text);
  EXPECT_EQ(text,
            "all,b=2 f=0.1,i=-5i,u=18446744073709551615u,t=true,s=\"say \\\"a\\\\b\\\"\" 1700000000123\n"
            "all,b=2 t=false -1\n");  // rounded down, not towards 0
}

// What one float field is written as; empty: no line.
std::string float_text(double value) {
  SchemaTable schemas;
  const auto id = schemas.intern({"m", {}, {{"f", FieldType::kFloat}}}).value();
  Batch batch;
  batch.add(id, 1, 0).set(0, value);
  std::string text;
  LineEncoder encoder(schemas);
  encoder.append(batch, text);
  return text.empty() ? "" : text.substr(4, text.size() - 4 - 3);
}

TEST(EncoderTest, FloatsAreTheShortestTextThatReadsBackAndNeverNan) {
  EXPECT_EQ(float_text(1), "1");
  EXPECT_EQ(float_text(-0.0), "-0");
  EXPECT_EQ(float_text(16.4), "16.4");
  EXPECT_EQ(float_text(1e300), "1e+300");
  EXPECT_EQ(float_text(5e-324), "5e-324");
  EXPECT_EQ(float_text(0.1 + 0.2), "0.30000000000000004");
  EXPECT_EQ(float_text(std::nan("")), "");
  EXPECT_EQ(float_text(std::numeric_limits<double>::infinity()), "");
}

// The line of a schema with one boolean field.
std::string line_of(metric::Schema schema) {
  SchemaTable schemas;
  const auto id = schemas.intern(std::move(schema)).value();
  Batch batch;
  batch.add(id, 1, 7).set(0, true);
  std::string text;
  LineEncoder encoder(schemas);
  encoder.append(batch, text);
  return text;
}

TEST(EncoderTest, NamesAreEscapedAndNothingBreaksALine) {
  const FieldType boolean = FieldType::kBoolean;
  EXPECT_EQ(line_of({"my disk,x=y", {{"a b,c=d", "/e f,g=h"}}, {{"i j,k=l", boolean}}}),
            "my\\ disk\\,x=y,a\\ b\\,c\\=d=/e\\ f\\,g\\=h i\\ j\\,k\\=l=true 7\n");
  EXPECT_EQ(line_of({"C:\\", {{"path", "D:\\\\"}, {"q\\r", "x\\y"}}, {{"f\\", boolean}}}),
            "C:,path=D:,q\\r=x\\y f=true 7\n");
  EXPECT_EQ(line_of({"a\nb", {{"k\r", "v\tw\x01"}}, {{"f\ng", boolean}}}), "a\\nb,k\\r=v\\tw\\x01 f\\ng=true 7\n");
  EXPECT_EQ(line_of({"#m", {{"time", "noon"}}, {{"_field", boolean}}}), "\\#m,time_=noon _field_=true 7\n");
  EXPECT_EQ(line_of({"m", {{"k", "\\"}}, {{"f", boolean}}}), "m f=true 7\n");
  EXPECT_EQ(line_of({"m\\,", {{"k\\=", "v\\ "}}, {{"f\\\\=\\g", boolean}}}), "m\\\\,,k\\\\==v\\\\  f\\=\\g=true 7\n");
  EXPECT_EQ(line_of({"\\", {}, {{"f", boolean}}}), "");
  EXPECT_EQ(line_of({"m", {}, {{"", boolean}}}), "");
}

TEST(EncoderTest, StringsHoldNoLineBreak) {
  SchemaTable schemas;
  const auto id = schemas.intern({"m", {}, {{"s", FieldType::kString}}}).value();
  Batch batch;
  batch.add(id, 1, 7).set(0, std::string_view("a\nb\r\\"));
  std::string text;
  LineEncoder encoder(schemas);
  encoder.append(batch, text);
  EXPECT_EQ(text, "m s=\"a\\\\nb\\\\r\\\\\" 7\n");
}

TEST(EncoderTest, ACacheThatIsFullChangesNothing) {
  SchemaTable schemas;
  Batch batch;
  for (int i = 0; i < 100; ++i)
    batch.add(schemas.intern({"m", {{"i", std::to_string(i % 10)}}, {{"f", FieldType::kInteger}}}).value(), 1, i)
        .set(0, std::int64_t{i});
  std::string small;
  std::string large;
  LineEncoder(schemas, {.cache_limit_bytes = 1}).append(batch, small);
  LineEncoder(schemas).append(batch, large);
  EXPECT_EQ(small, large);
  EXPECT_EQ(std::count(small.begin(), small.end(), '\n'), 100);
}

}  // namespace
}  // namespace resmon::lineproto
