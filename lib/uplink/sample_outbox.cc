#include "uplink/sample_outbox.h"

namespace resmon::uplink {

namespace {

constexpr std::size_t kMostBatchesInFrame = 256;
// Of batches in memory; some 20 times what they take on the wire.
constexpr std::uint64_t kMostRowBytesInFrame = 1U << 20U;

}  // namespace

Result<Outbox::Encoded> SampleOutbox::encode(std::uint64_t from, std::uint32_t max_frame_bytes, std::string& out) {
  const Spool::Run run = spool_.fetch(from, kMostBatchesInFrame, kMostRowBytesInFrame);
  if (run.batches.empty()) return Encoded{};
  std::size_t count = 0;
  std::uint64_t encoded_bytes = wire::kMostSamplesHeadBytes;
  for (const metric::Batch* const batch : run.batches) {
    encoded_bytes += wire::most_encoded_bytes(*batch);
    if (count > 0 && encoded_bytes > max_frame_bytes) break;
    ++count;
  }
  const std::size_t payload = encoder_->encode(run.first, run.batches.first(count), out);
  if (payload > max_frame_bytes) {
    // One gather that this server will never take: all that comes after it would wait for ever.
    spool_.discard(run.first);
    return fail(ErrorKind::kLimit, "a gather of " + std::to_string(payload) +
                                       " bytes is larger than the server's limit of " +
                                       std::to_string(max_frame_bytes) + ": dropped");
  }
  const std::uint64_t through = run.first + count - 1;
  spool_.sent(through);
  return Encoded{through, count};
}

}  // namespace resmon::uplink
