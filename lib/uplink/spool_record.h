#pragma once

// The content of one journal record of a client's spool: one gather, in the frames of the client protocol. A record
// that is `fresh` can be read without those before it; the others build on the records since the last fresh one, as
// SAMPLES frames do on a connection. docs/journal_format.md, "The client's spool", is the specification. No I/O.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "metric/batch.h"
#include "metric/schema.h"
#include "wire/samples.h"

namespace resmon::uplink {

struct RecordHead {
  bool fresh = false;
  std::uint32_t samples = 0;
  wire::StreamId stream{};  // of this record and those that build on it; fresh ones only
  std::string_view owner;   // the client's name; fresh ones only
  std::string_view frames;
};

// kDamaged, or kUnsupported for a later version.
Result<RecordHead> decode_record_head(std::string_view record);

class RecordEncoder {
 public:
  explicit RecordEncoder(const metric::SchemaTable& schemas) : schemas_(schemas) {}

  void begin_anew() { encoder_.reset(); }  // the next record is fresh
  bool fresh() const { return encoder_ == nullptr; }

  // Replaces `out`. What was encoded must be appended, or begin_anew called: later records build on it.
  void encode(std::uint64_t sequence, const metric::Batch& batch, const wire::StreamId& stream, std::string_view owner,
              std::string& out);

 private:
  const metric::SchemaTable& schemas_;
  std::unique_ptr<wire::SampleEncoder> encoder_;
};

// Reads records in the order in which they were written. Schemas are interned in `schemas`.
class RecordDecoder {
 public:
  explicit RecordDecoder(metric::SchemaTable& schemas) : schemas_(schemas) {}

  // Records that follow do not continue the previous ones: they are skipped until the next fresh record.
  void lose_track() { decoder_.reset(); }

  // Fills `batch` (cleared first). kDamaged for what cannot be read, kUnavailable for a record whose fresh one was not
  // seen.
  Status decode(const RecordHead& head, metric::Batch& batch);

 private:
  metric::SchemaTable& schemas_;
  std::unique_ptr<wire::SampleDecoder> decoder_;
};

}  // namespace resmon::uplink
