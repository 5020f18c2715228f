#pragma once

// Rules as they are written: [[rule]] in client.toml and server.toml, [[sink.NAME.rule]]. docs/rules.md is the
// reference.

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/table_reader.h"
#include "config/toml_tree.h"
#include "metric/name_doubt.h"
#include "metric/value.h"
#include "rule/condition.h"
#include "rule/formula.h"
#include "rule/pattern.h"

namespace resmon::tail {
class Redactor;
}

namespace resmon::rule {

// Where a list of rules stands; some verbs are not for every place.
enum class Place : std::uint8_t { kClient, kServer, kSink };

enum class Verb : std::uint8_t {
  kFilter,  // none: rows that are not selected are dropped, as by Telegraf's selectors
  kKeep,
  kDrop,
  kKeepFields,
  kDropFields,
  kKeepTags,
  kDropTags,
  kRename,
  kRenameFields,
  kRenameTags,
  kSetTags,
  kMap,
  kRedact,
  kRound,
  kSample,
  kEvery,
  kMerge,
  kLimit,
  kDedup,
  kDerive,
};

enum class Function : std::uint8_t { kMean, kMin, kMax, kSum, kLast, kCount, kP95 };
std::string_view function_name(Function function);

struct TagPatterns {
  std::string key;
  Patterns values;
};

// Of `map`: the values of one tag or field, by others.
struct ValueMap {
  struct To {
    std::string text;
    metric::Cell cell = 0;  // where the type is a number's
  };
  std::string of;
  metric::FieldType type = metric::FieldType::kString;
  std::vector<std::pair<std::string, To>> values;  // sorted
  std::optional<To> other;                         // "*"

  const To* find(std::string_view value) const;  // null: none
};

struct Rule {
  std::string name;  // as written, or "rule 2"
  std::uint32_t line = 0;

  // Which rows; empty ones select all. All of them must hold.
  Patterns measurements;
  Patterns not_measurements;
  Patterns hosts;
  Patterns fields;                    // rows with one of them; verbs on values change only these
  std::vector<TagPatterns> tags;      // all of them
  std::vector<TagPatterns> tag_pass;  // one of them
  std::vector<TagPatterns> tag_drop;  // none of them
  std::vector<Condition> conditions;  // all of them

  Verb verb = Verb::kFilter;
  Patterns patterns;                                       // keep_fields, drop_fields, keep_tags, drop_tags
  std::string rename;                                      // '*': what the name was
  std::vector<std::pair<std::string, std::string>> pairs;  // rename_fields, rename_tags, set_tags
  std::vector<ValueMap> maps;
  std::shared_ptr<const tail::Redactor> redactor;
  std::int64_t number = 0;                                // round: digits; sample: each n-th; limit: series
  std::chrono::nanoseconds span{0};                       // every; dedup: the heartbeat
  std::chrono::nanoseconds wait{0};                       // every
  std::vector<Function> functions;                        // every, merge
  std::vector<std::string> merge;                         // tags
  std::vector<std::pair<std::string, Formula>> formulas;  // derive: a field, and what it is
  std::int64_t max_series = 100'000;
};

struct Config {
  std::vector<Rule> rules;
  // Of the text: another one when the rules are others.
  std::uint64_t fingerprint = 0;
  std::vector<metric::NameDoubt> doubts;

  bool empty() const { return rules.empty(); }
  bool has_windows() const;  // whether there is an `every`
};

// Reads an array of tables; `key`: "rule". What is wrong goes to the complaints, with its place.
Config read_rules(const config::Node& array, const std::string& key, Place place, config::Complaints& complaints);

// For the sample configuration; `key` as above.
std::string sample_rules(const std::string& key);

}  // namespace resmon::rule
