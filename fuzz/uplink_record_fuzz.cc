// The records of a client's spool: a length byte pair, a record, and so on, read in order by one decoder. What decodes
// must encode to a record that decodes to the same.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "uplink/spool_record.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace resmon;
  metric::SchemaTable schemas;
  uplink::RecordDecoder decoder(schemas);
  std::string_view left(reinterpret_cast<const char*>(data), size);
  while (left.size() > 2) {
    const std::size_t length =
        static_cast<std::uint8_t>(left[0]) | static_cast<std::size_t>(static_cast<std::uint8_t>(left[1])) << 8U;
    left.remove_prefix(2);
    const std::string_view record = left.substr(0, length);
    left.remove_prefix(record.size());
    const auto head = uplink::decode_record_head(record);
    if (!head) continue;
    metric::Batch batch;
    if (!decoder.decode(*head, batch)) continue;
    std::string code;
    uplink::RecordEncoder encoder(schemas);
    encoder.encode(1, batch, head->stream, head->owner, code);
    const auto again = uplink::decode_record_head(code);
    if (!again || !again->fresh || again->samples != batch.samples()) std::abort();
    uplink::RecordDecoder other(schemas);
    metric::Batch back;
    if (!other.decode(*again, back) || back.samples() != batch.samples() || back.rows().size() != batch.rows().size())
      std::abort();
  }
  return 0;
}
