#pragma once

// SCHEMA and SAMPLES: a client's batches as deltas to what the connection already said. Both sides keep the last cell
// of every field, and a batch of a machine whose values mostly stand still costs a bit a value. docs/wire_format.md is
// the specification.
//
// An encoder or decoder lives as long as one connection and starts empty. Not thread-safe.

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "metric/batch.h"
#include "wire/field_states.h"
#include "wire/frame.h"

namespace resmon::wire {

// How many row lists ("shapes") both sides remember.
inline constexpr std::size_t kShapes = 16;

// No batch takes more than this of a SAMPLES frame's payload, whatever was said before, beside the payload's head.
std::size_t most_encoded_bytes(const metric::Batch& batch);
inline constexpr std::size_t kMostSamplesHeadBytes = 1 + 3 * 10;  // flags, first sequence, count, size

class SampleEncoder {
 public:
  explicit SampleEncoder(const metric::SchemaTable& schemas);
  ~SampleEncoder();

  // Appends a SAMPLES frame with `batches`, numbered from `first_sequence` without a gap, and before it a SCHEMA frame
  // for every schema not yet declared. More than one batch (catching up) is compressed where that pays. Returns the
  // size of the SAMPLES frame's payload. What was encoded must be sent: later frames build on it.
  std::size_t encode(std::uint64_t first_sequence, std::span<const metric::Batch* const> batches, std::string& out);

 private:
  struct Compressor;
  void declare(metric::SchemaId id, std::string& out);
  std::string_view pack(std::size_t batches);
  void encode_batch(const metric::Batch& batch, std::string& body);
  void encode_shape(const metric::Batch& batch, UnixNanos time, ByteWriter& w);
  void encode_presence(const metric::Batch& batch, ByteWriter& w);
  void encode_values(const metric::Batch& batch, ByteWriter& w);

  const metric::SchemaTable& schemas_;
  std::vector<std::int32_t> wire_ids_;  // by SchemaId; -1: not declared
  FieldStates states_;
  std::vector<std::vector<std::uint32_t>> shapes_;
  std::size_t next_shape_ = 0;
  UnixNanos last_time_ = 0;
  std::int64_t last_step_ = 0;
  std::string body_;
  std::string bits_;
  std::string values_;
  std::vector<std::uint32_t> shape_;
  std::unique_ptr<Compressor> compressor_;
};

struct DecoderLimits {
  std::uint32_t max_series = 20'000;   // fields over all schemas of the connection
  std::uint32_t max_tags = 32;         // of one schema
  std::uint32_t max_name_bytes = 256;  // measurement, tag key, field name
  std::uint32_t max_tag_value_bytes = 1024;
  std::uint32_t max_string_bytes = 65'535;     // of a string value
  std::uint32_t max_body_bytes = 8U << 20U;    // of SAMPLES after decompression
  std::uint32_t max_cells_per_batch = 65'536;  // fields, present or not, of all rows
  std::uint32_t max_cells_per_frame = 4'000'000;
  std::uint32_t max_batches_per_frame = 4096;
  std::uint32_t max_text_bytes_per_frame = 8U << 20U;  // of string values, those that did not change included
  std::uint64_t max_kept_text_bytes = 4U << 20U;       // of all fields' last string values
};

class SampleDecoder {
 public:
  // `intern` gives a declared schema its id on this side; it may add tags. Its error refuses the frame.
  using Intern = std::function<Result<metric::SchemaId>(metric::Schema)>;
  SampleDecoder(const DecoderLimits& limits, Intern intern) : limits_(limits), intern_(std::move(intern)) {}

  Status decode_schema(std::string_view payload);

  // Calls `take` for each batch of the frame in order. The batch is the callee's to read or to swap out; it is cleared
  // before it is filled again. After an error the decoder's state is undefined: the connection must end.
  using Take = std::function<Status(std::uint64_t sequence, metric::Batch& batch)>;
  Status decode_samples(std::string_view payload, metric::Batch& scratch, const Take& take);
  // The same, but each batch's rows go behind those that are in `out`, which only `take` empties. After an error `out`
  // may end with rows of a batch that `take` was not shown.
  Status append_samples(std::string_view payload, metric::Batch& out, const Take& take);

  // `table`, where `intern` keeps the schemas, is swept (metric/schema.h) and must outlive the decoder. From now on:
  void watch(const metric::SchemaTable& table) { table_ = &table; }
  // Marks the connection's schemas as used; costs something once an epoch. Call with the pin that the next rows will
  // have, and now and then while none come. Rows of a schema that the table has forgotten, because this was not called
  // for long, are refused with kNotFound: the client must declare its schemas again, on a new connection.
  void keep_schemas(const metric::SchemaPin& pin);

  std::uint64_t series() const { return series_; }

 private:
  Status decode_frame(std::string_view payload, metric::Batch& scratch, const Take& take, bool clear);
  Status read_fields(ByteReader& r, metric::Schema& schema) const;
  Result<std::string_view> unpack(std::uint8_t flags, ByteReader& r, std::string& unpacked) const;
  Status decode_batch(ByteReader& r, metric::Batch& out);
  Result<std::size_t> add_shape(ByteReader& r);
  // Adds the batch's rows with their presence; how many values they have.
  Result<std::size_t> add_rows(ByteReader& r, const std::vector<std::uint32_t>& shape, UnixNanos time, bool offsets,
                               metric::Batch& out);
  Status read_values(ByteReader& r, const std::vector<std::uint32_t>& shape, std::string_view changed,
                     std::size_t first_row, metric::Batch& out);
  Status read_string(ByteReader& r, std::string& said);

  DecoderLimits limits_;
  Intern intern_;
  FieldStates states_;
  std::vector<std::vector<std::uint32_t>> shapes_;
  std::size_t next_shape_ = 0;
  UnixNanos last_time_ = 0;
  std::int64_t last_step_ = 0;
  std::uint64_t series_ = 0;
  std::uint64_t kept_text_bytes_ = 0;
  const metric::SchemaTable* table_ = nullptr;
  std::uint32_t kept_in_ = 0;  // the epoch of the last keep_schemas
  bool any_forgotten_ = false;
};

}  // namespace resmon::wire
