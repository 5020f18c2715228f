// A record of the server's journal, as it comes from a disk that lies: any bytes are an error or rows, and rows that
// were read can be written and read again.

#include <cstdint>
#include <cstdlib>
#include <string>

#include "ingest/record.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace resmon;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto view = ingest::read_record(bytes);
  if (!view) return 0;
  (void)ingest::read_streams(view->streams);
  metric::SchemaTable schemas(1000);
  ingest::RecordDecoder decoder(schemas);
  metric::Batch batch;
  if (!decoder.define(view->definitions, false) || !decoder.decode(view->rows, batch)) return 0;
  std::string rows;
  std::string definitions;
  ingest::encode_rows(schemas, batch, rows);
  ingest::SegmentDictionary(schemas).define(batch, definitions);
  metric::Batch again;
  ingest::RecordDecoder own(schemas);
  if (!own.define(definitions, true) || !own.decode(rows, again) || again.rows().size() != batch.rows().size() ||
      again.samples() != batch.samples())
    std::abort();
  return 0;
}
