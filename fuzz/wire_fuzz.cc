// Bytes from a client: the frame reader, every message, and the stateful decoder of SCHEMA and SAMPLES, as one
// connection sees them. What is decoded is encoded again and must come back the same, so a wrong value is a finding
// too.

#include <cstdint>
#include <cstdlib>

#include "wire/frame.h"
#include "wire/lines.h"
#include "wire/samples.h"

namespace {

using namespace resmon;

void check(bool true_or_die) {
  if (!true_or_die) std::abort();
}

bool same(const metric::Batch& a, const metric::Batch& b, const metric::SchemaTable& schemas) {
  if (a.rows().size() != b.rows().size() || a.samples() != b.samples()) return false;
  for (std::size_t i = 0; i < a.rows().size(); ++i) {
    const metric::Row& x = a.rows()[i];
    const metric::Row& y = b.rows()[i];
    if (x.time != y.time || x.fields != y.fields) return false;
    for (std::size_t f = 0; f < x.fields; ++f) {
      if (a.has(x, f) != b.has(y, f)) return false;
      if (!a.has(x, f)) continue;
      const bool text = schemas[x.schema].fields[f].type == metric::FieldType::kString;
      if (text ? a.string(x, f) != b.string(y, f) : a.value(x, f) != b.value(y, f)) return false;
    }
  }
  return true;
}

// All that `input` says on one connection.
void connect(std::string_view input) {
  metric::SchemaTable schemas(10'000);
  wire::DecoderLimits limits;
  limits.max_cells_per_frame = 100'000;  // the bound itself is what is tested, not the machine's memory
  wire::SampleDecoder decoder(limits, [&](metric::Schema schema) { return schemas.intern(std::move(schema)); });
  wire::SampleEncoder encoder(schemas);
  metric::SchemaTable again_schemas(10'000);
  wire::SampleDecoder again(limits, [&](metric::Schema schema) { return again_schemas.intern(std::move(schema)); });
  wire::LinesDecoder lines;
  wire::LinesEncoder lines_encoder;
  wire::LinesDecoder lines_again;
  wire::FrameReader frames(1U << 16U);
  frames.append(input);
  metric::Batch scratch;
  while (true) {
    const auto next = frames.next();
    if (!next.has_value() || !next->has_value()) return;
    const wire::Frame frame = **next;
    switch (static_cast<wire::FrameType>(frame.type)) {
      case wire::FrameType::kHello:
        (void)wire::decode_hello(frame.payload);
        break;
      case wire::FrameType::kWelcome:
        (void)wire::decode_welcome(frame.payload);
        break;
      case wire::FrameType::kRefuse:
        (void)wire::decode_refuse(frame.payload);
        break;
      case wire::FrameType::kAck:
        (void)wire::decode_ack(frame.payload);
        break;
      case wire::FrameType::kPing:
        (void)wire::decode_ping(frame.payload);
        break;
      case wire::FrameType::kSchema:
        if (!decoder.decode_schema(frame.payload).has_value()) return;
        break;
      case wire::FrameType::kSamples: {
        const auto taken =
            decoder.decode_samples(frame.payload, scratch, [&](std::uint64_t sequence, metric::Batch& batch) -> Status {
              std::string bytes;
              const metric::Batch* one = &batch;
              encoder.encode(sequence, {&one, 1}, bytes);
              wire::FrameReader sent(wire::kMaxFrameBytes);
              sent.append(bytes);
              metric::Batch second;
              while (true) {
                const auto echo = sent.next();
                if (!echo.has_value()) return {};  // larger than one frame may be
                if (!echo->has_value()) break;
                if ((*echo)->type == static_cast<std::uint8_t>(wire::FrameType::kSchema))
                  check(again.decode_schema((*echo)->payload).has_value());
                else
                  check(again
                            .decode_samples((*echo)->payload, second,
                                            [&](std::uint64_t s, metric::Batch& back) -> Status {
                                              check(s == sequence && same(batch, back, schemas));
                                              return {};
                                            })
                            .has_value());
              }
              return {};
            });
        if (!taken.has_value()) return;
        break;
      }
      case wire::FrameType::kLines: {
        const auto taken = lines.decode(frame.payload);
        if (!taken.has_value()) return;
        std::string bytes;
        lines_encoder.encode(taken->sequence, taken->body, bytes);
        const auto back = lines_again.decode(std::string_view(bytes).substr(wire::kHeaderBytes));
        check(back.has_value() && back->sequence == taken->sequence && back->body == taken->body);
        break;
      }
      default:
        break;
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  connect({reinterpret_cast<const char*>(data), size});
  return 0;
}
