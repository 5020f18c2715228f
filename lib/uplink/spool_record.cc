#include "uplink/spool_record.h"

#include "base/bytes.h"
#include "wire/frame.h"

namespace resmon::uplink {

namespace {

constexpr std::uint8_t kRecordVersion = 2;  // of records and of the protocol's frames in them
static_assert(wire::kProtocolVersion == kRecordVersion);
constexpr std::uint8_t kFresh = 1;

// Generous limits, because the client itself wrote these records.
constexpr wire::DecoderLimits kLimits{.max_series = 4'000'000,
                                      .max_tags = 1024,
                                      .max_name_bytes = 65'536,
                                      .max_tag_value_bytes = 65'536,
                                      .max_string_bytes = 1U << 20U,
                                      .max_body_bytes = 16U << 20U,
                                      .max_cells_per_batch = 4'000'000,
                                      .max_cells_per_frame = 4'000'000,
                                      .max_batches_per_frame = 1,
                                      .max_text_bytes_per_frame = 16U << 20U};

}  // namespace

Result<RecordHead> decode_record_head(std::string_view record) {
  ByteReader r(record);
  const std::uint8_t version = r.u8();
  const std::uint8_t flags = r.u8();
  const std::uint64_t samples = r.varint();
  if (!r.failed() && version > kRecordVersion)
    return fail(ErrorKind::kUnsupported, "a record of version " + std::to_string(version));
  RecordHead head;
  head.fresh = (flags & kFresh) != 0;
  head.samples = static_cast<std::uint32_t>(samples);
  if (head.fresh) {
    const std::string_view stream = r.bytes(head.stream.size());
    if (!r.failed()) std::copy(stream.begin(), stream.end(), head.stream.begin());
    head.owner = r.text();
  }
  if (r.failed() || version != kRecordVersion || (flags & ~kFresh) != 0 || samples > 0x7fffffffU)
    return fail(ErrorKind::kDamaged, "not a record of a spool");
  head.frames = r.rest();
  return head;
}

void RecordEncoder::encode(std::uint64_t sequence, const metric::Batch& batch, const wire::StreamId& stream,
                           std::string_view owner, std::string& out) {
  out.clear();
  ByteWriter w(out);
  w.u8(kRecordVersion);
  w.u8(fresh() ? kFresh : 0);
  w.varint(batch.samples());
  if (fresh()) {
    w.bytes({reinterpret_cast<const char*>(stream.data()), stream.size()});
    w.text(owner);
    encoder_ = std::make_unique<wire::SampleEncoder>(schemas_);
  }
  const metric::Batch* const one = &batch;
  encoder_->encode(sequence, std::span(&one, 1), out);
}

Status RecordDecoder::decode(const RecordHead& head, metric::Batch& batch) {
  batch.clear();
  if (head.fresh)
    decoder_ = std::make_unique<wire::SampleDecoder>(
        kLimits, [this](metric::Schema schema) { return schemas_.intern(std::move(schema)); });
  if (decoder_ == nullptr) return fail(ErrorKind::kUnavailable, "the records before it, which it needs, are missing");
  const auto read = [&]() -> Status {
    std::string_view left = head.frames;
    while (!left.empty()) {
      ByteReader r(left);
      const std::uint32_t size = r.u32();
      const std::uint8_t type = r.u8();
      const std::string_view payload = r.bytes(size);
      if (r.failed()) return fail(ErrorKind::kDamaged, "a frame of a record is cut off");
      left = r.rest();
      if (type == static_cast<std::uint8_t>(wire::FrameType::kSchema)) {
        RESMON_TRY(decoder_->decode_schema(payload));
      } else if (type == static_cast<std::uint8_t>(wire::FrameType::kSamples)) {
        RESMON_TRY(decoder_->decode_samples(payload, batch, [](std::uint64_t, metric::Batch&) { return Status(); }));
      } else {
        return fail(ErrorKind::kDamaged, "a frame of type " + std::to_string(type) + " in a record");
      }
    }
    return {};
  };
  Status done = read();
  if (!done) {
    decoder_.reset();
    return fail(ErrorKind::kDamaged, done.error().message);
  }
  return {};
}

}  // namespace resmon::uplink
