#pragma once

// What both ends of a connection keep of the fields of its schemas: what was last said, and how the next is expected.
// docs/wire_format.md, SAMPLES, says it in full.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "metric/batch.h"
#include "metric/schema.h"
#include "metric/value.h"

namespace resmon::wire {

// What both sides keep of the connection's schemas. The fields of all of them lie in shared arrays: some ten bytes a
// field and twenty a schema, where arrays of their own would be five allocations each, on a server for every client.
struct FieldStates {
  struct Schema {
    metric::SchemaId id = 0;       // in the table of this side
    std::uint32_t generation = 0;  // of the id in a table that is swept (SampleDecoder::watch); 0: forgotten
    std::uint32_t fields = 0;
    std::uint32_t first = 0;        // of its fields in the arrays below
    std::uint32_t presence = 0;     // of its words in `presence`
    std::uint32_t complements = 0;  // of its entries in `complements`
  };
  // Two numbers of a row whose sum stands still, by their places in it; `field` comes after `of`.
  struct Complement {
    std::uint32_t field = 0;
    std::uint32_t of = 0;
  };
  std::vector<Schema> schemas;
  std::vector<metric::FieldType> types;
  std::vector<std::uint8_t> scales;     // of floats: decimals of their deltas; of whole numbers: bits shifted out
  std::vector<metric::Cell> last;       // the cells as they were last said; of strings: index into `strings`
  std::vector<std::uint64_t> presence;  // as last said
  std::vector<std::string> strings;
  std::vector<Complement> complements;
  std::vector<metric::Cell> before;  // scratch: what begin_row keeps
  bool grown = false;                // since settle()

  void add(metric::SchemaId id, std::span<const metric::Field> fields, std::span<const Complement> pairs);
  // Before a row's fields are gone through: its schema's complements, for which `last` is kept as it was.
  std::span<const Complement> begin_row(std::size_t schema);
  // What a field of the row begun is taken to be where the row does not say it.
  metric::Cell expected(std::span<const Complement> pairs, std::size_t first, std::size_t field,
                        std::span<const std::uint64_t> present) const;
  std::span<std::uint64_t> presence_of(const Schema& schema) {
    return {presence.data() + schema.presence, metric::presence_words(schema.fields)};
  }
  void settle() {  // before samples: gives back what growing took
    if (grown) shrink();
  }

 private:
  void shrink();
};

// Whether two fields of these types may be a FieldStates::Complement.
bool may_be_complements(metric::FieldType a, metric::FieldType b);
// Those of a schema that are known (metric/complements.h), ascending by field.
std::vector<FieldStates::Complement> complements_of(const metric::Schema& schema);

}  // namespace resmon::wire
