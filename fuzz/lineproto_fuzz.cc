// The line protocol decoder against any bytes. The first byte chooses the options. Beyond not crashing:
//   a stream cut in any pieces gives what the whole text gives;
//   what was taken is canonical: encoded and decoded again it is the same;
//   no row holds a NaN or an infinity, and no line yields more than one row.

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string_view>

#include "lineproto/decoder.h"
#include "lineproto/encoder.h"

namespace {

using namespace resmon;

void require(bool good) {
  if (!good) std::abort();
}

std::string encoded(const metric::SchemaTable& schemas, const metric::Batch& batch) {
  lineproto::EncoderOptions options;
  options.unsigned_as_integer = false;
  std::string text;
  lineproto::LineEncoder(schemas, options).append(batch, text);
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::uint8_t choice = data[0];
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  lineproto::DecodeOptions options;
  options.precision = static_cast<lineproto::Precision>(choice % 6);
  options.default_time = 1'700'000'000'123'456'789;
  lineproto::DecoderLimits limits;
  limits.line_bytes = (choice & 64U) != 0 ? 40 : 1U << 20U;
  limits.cache_bytes = (choice & 128U) != 0 ? 200 : 1U << 20U;
  const std::size_t piece = 1 + (choice & 63U);

  metric::SchemaTable schemas;
  metric::Batch whole;
  lineproto::LineDecoder decoder(schemas, limits);
  const lineproto::DecodeReport report = decoder.decode(text, options, whole);
  require(report.lines == report.refused_lines + whole.rows().size());
  require(report.samples == whole.samples());
  for (const metric::Row& row : whole.rows()) {
    const metric::Schema& schema = schemas[row.schema];
    require(schema.fields.size() == row.fields);
    for (std::size_t i = 0; i < row.fields; ++i)
      if (schema.fields[i].type == metric::FieldType::kFloat)
        require(std::isfinite(metric::as_float(whole.value(row, i))));
  }

  metric::Batch pieces;
  lineproto::LineDecoder stream(schemas, limits);
  std::uint64_t refused = 0;
  for (std::size_t at = 0; at < text.size(); at += piece)
    refused += stream.feed(text.substr(at, piece), options, pieces).refused_lines;
  refused += stream.finish(options, pieces).refused_lines;
  require(refused == report.refused_lines);
  const std::string once = encoded(schemas, whole);
  require(encoded(schemas, pieces) == once);
  require(static_cast<std::size_t>(std::count(once.begin(), once.end(), '\n')) <= whole.rows().size());

  metric::SchemaTable fresh;  // outlives the batches, which hold a pin of it
  metric::Batch again;
  lineproto::LineDecoder(fresh).decode(once, {}, again);
  const std::string twice = encoded(fresh, again);
  metric::Batch third;
  lineproto::LineDecoder(fresh).decode(twice, {}, third);
  require(encoded(fresh, third) == twice);
  return 0;
}
