#pragma once

// What one record of the server's journal says: rows as they were taken, which stream's batches they are, and, in front
// of them, whatever the records of a segment need to be understood without the records of another one.
//
// Pure, no I/O. docs/journal_format.md has the format. The decoder is safe on any bytes.

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "metric/batch.h"
#include "metric/schema.h"
#include "wire/frame.h"

namespace resmon::ingest {

// A stream and the last of its batches that is in the journal.
using StreamMark = std::pair<wire::StreamId, std::uint64_t>;

struct RecordHead {
  UnixNanos received = 0;
  std::uint64_t samples = 0;         // in this record
  std::uint64_t samples_before = 0;  // in all records before it, since the journal began
  wire::StreamId stream{};
  std::uint64_t first_sequence = 0;  // 0: no client numbered these rows; line protocol
  std::uint64_t last_sequence = 0;
};

// The rows alone, without what depends on the segment: may be done before it is known where the record goes. Appends.
void encode_rows(const metric::SchemaTable& schemas, const metric::Batch& batch, std::string& out);

// What the records of one segment have defined so far. One for a journal, used in the order of its records. What a
// schema is put together from is kept beyond the segment: with ten thousand clients the next one defines half a million
// schemas again, and no text is looked up for that.
class SegmentDictionary {
 public:
  explicit SegmentDictionary(const metric::SchemaTable& schemas) : schemas_(schemas) {}

  // A new segment begins: nothing is defined.
  void begin_segment();
  // What was defined last did not get into the journal: begins anew, and says so to the decoder.
  void start_over();
  // True if the segment has an id of the batch under another generation: the table has given it to another schema. Then
  // a new segment must begin, since in one segment an id stands for one schema, whatever is damaged.
  bool conflicts(const metric::Batch& batch) const;
  // Appends definitions of the batch's schemas that the segment does not have yet. REQUIRES: no conflict
  void define(const metric::Batch& batch, std::string& out);

 private:
  struct Known {
    std::uint32_t generation = 0;  // that the parts are of; 0: not known
    std::uint32_t segment = 0;     // in which it was defined last
    std::uint32_t parts = 0;       // where in parts_
  };
  // A text's or a list's number in the segment in which it was defined last.
  struct Number {
    std::uint32_t segment = 0;
    std::uint32_t number = 0;
  };
  struct List {
    std::vector<std::pair<std::uint32_t, metric::FieldType>> fields;  // which text, and the type
    Number number;
  };

  void learn(const metric::Schema& schema);
  std::uint32_t find_text(const std::string& text);
  std::uint32_t define_text(std::uint32_t text, std::string& out);
  std::uint32_t define_list(std::uint32_t list, std::string& out);
  void define(metric::SchemaId id, std::string_view parts, std::string& out);
  void forget();

  const metric::SchemaTable& schemas_;
  bool start_over_ = false;
  std::uint32_t segment_ = 1;
  std::uint32_t next_text_ = 0;  // numbers in this segment
  std::uint32_t next_list_ = 0;
  std::vector<Known> known_;  // by SchemaId
  std::string parts_;         // of schemas, as varints: measurement, tags, their keys and values, list
  std::size_t unused_ = 0;    // bytes of that which are of schemas that are gone
  std::unordered_map<std::string, std::uint32_t> texts_;
  std::vector<const std::string*> text_of_;  // keys of texts_
  std::vector<Number> text_numbers_;
  std::unordered_map<std::string, std::uint32_t> list_ids_;
  std::vector<List> lists_;
  std::string said_;
};

// The whole record. `streams`: every stream known, at the beginning of a segment; else empty.
void encode_record(const RecordHead& head, std::span<const StreamMark> streams, std::string_view definitions,
                   std::string_view rows, std::string& out);

struct RecordView {
  RecordHead head;
  std::string_view streams;  // see read_streams
  std::string_view definitions;
  std::string_view rows;
};
// kDamaged where the bytes are not a record, kUnsupported where a later version wrote them.
Result<RecordView> read_record(std::string_view bytes);
std::vector<StreamMark> read_streams(std::string_view bytes);

// Schemas are interned when a row first uses them, and again when the table has forgotten them meanwhile: a reader may
// be hours behind whoever wrote the record.
class RecordDecoder {
 public:
  explicit RecordDecoder(metric::SchemaTable& schemas) : schemas_(schemas) {}

  // Before the first record of each segment.
  void begin_segment();
  // Records, or definitions of one, were not seen.
  void lose_track();
  // What a record defines for those after it. `same_process`: this process wrote it, so that its ids and generations
  // are the table's.
  Status define(std::string_view definitions, bool same_process);
  // Appends the record's rows, and pins them. Of schemas that are not wanted a row has no values, nor fields.
  using Wanted = std::function<bool(metric::SchemaId id)>;
  Status decode(std::string_view rows, metric::Batch& out, const Wanted& wanted = {});

 private:
  // A schema of the segment: its id in the table and, to make it again, what it is put together from.
  struct Known {
    metric::SchemaId id = 0;
    std::uint32_t generation = 0;  // of the id; 0: not interned yet
    std::uint32_t made_from = 0;   // where in parts_
    std::uint32_t segment = 0;     // in which it was defined
  };
  // Ids are dense where the writer's table is, and may be anything where a record is damaged: pages are made as needed.
  static constexpr std::size_t kPage = 64;
  struct Page {
    std::array<Known, kPage> known;
    std::uint32_t segment = 0;  // in which one of them was defined last
  };

  Status define_schema(ByteReader& definition, bool same_process);
  Known* find(std::int64_t id);
  Result<metric::SchemaId> intern(Known& known);

  metric::SchemaTable& schemas_;
  bool numbers_lost_ = false;
  std::uint32_t segment_ = 1;
  // Numbers begin at these after kStartOver; what was defined before keeps its own.
  std::size_t first_text_ = 0;
  std::size_t first_list_ = 0;
  std::vector<std::string> texts_;
  std::vector<metric::SharedList<metric::Field>> lists_;
  std::string parts_;  // of each schema as varints: measurement, tags, their keys and values, list
  std::vector<std::unique_ptr<Page>> pages_;
};

}  // namespace resmon::ingest
