#pragma once

// What rules do to rows of one schema, worked out once: which rules may apply, to which fields, and what becomes of the
// schema.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "metric/schema.h"
#include "rule/rule.h"
#include "rule/windows.h"

namespace resmon::rule {

struct Shape;

// Where a column of the schema that a rule makes comes from.
struct Column {
  static constexpr std::uint32_t kNone = UINT32_MAX;
  std::uint32_t from = kNone;           // a field of the schema before
  const ValueMap* map = nullptr;        // and what its values become
  const Formula* formula = nullptr;     // or this is its value
  std::vector<std::uint32_t> operands;  // of the formula: fields of the schema before, by name
};

// What a rule has to do with a list of fields. All machines have the same lists, so it is kept once for all of them:
// what is kept for each series is out of the processor's caches when a row of it comes.
struct Plan {
  std::vector<std::vector<std::uint32_t>> condition_fields;  // by condition: the fields that it is about
  std::vector<std::uint32_t> fields;                         // that `fields` selects; all where it is not given
  std::vector<std::uint64_t> name_hashes;                    // of dedup: of the names of these fields
  // Of verbs that change the schema; made when the first row comes.
  bool made = false;
  bool same_columns = false;
  std::vector<Column> columns;
  std::vector<std::uint32_t> picks;  // where each column is from, if they are columns of the schema before as they are
};

// A rule that may apply to rows of a schema. What each row needs comes first.
struct Step {
  const Rule* rule = nullptr;
  Plan* plan = nullptr;
  Shape* target = nullptr;  // of verbs that change the schema; null: nothing is left
  std::uint32_t index = 0;  // of the rule
  bool unselected = false;  // of a filter: the schema is not selected
  bool planned = false;     // whether `target` is known, or `base`
  bool used = false;
  // Of merge and every.
  metric::Schema base;
  std::string base_key;
  Windows::Place place;
};

// What each row needs comes first.
struct Shape {
  std::vector<Step> steps;
  metric::SchemaId id = 0;  // in the table, once rows came out
  std::uint32_t generation = 0;
  std::vector<std::uint32_t> texts;  // the string fields
  metric::Schema schema;
  std::string key;               // measurement and tags
  std::string host;              // the tag's value
  bool dropped_at_once = false;  // the first step drops every row
};

// The machine that rows are of, where they do not say it: on the client, tags that the server adds.
struct Context {
  std::string host;
  std::vector<metric::Tag> tags;
};

// Whether rows of the schema may be changed by the rule, and how they are selected.
bool may_apply(const Rule& rule, const metric::Schema& schema, const Context& context, Step& step, Plan& plan);
// What a rule that changes schemas makes of one: the schema, and where its columns come from.
metric::Schema planned(const Rule& rule, Place place, const metric::Schema& from, std::vector<Column>& columns);
// Tag `key` of the schema, or nothing.
const std::string* tag_of(const metric::Schema& schema, std::string_view key);
// Whether the verb changes schemas.
bool changes_schema(Verb verb);

}  // namespace resmon::rule
