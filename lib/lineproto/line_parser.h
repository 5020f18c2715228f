#pragma once

// One line of Influx line protocol taken apart, without copying: the decoder's lower half. Error texts are
// InfluxDB 1.x's.

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lineproto/precision.h"
#include "metric/value.h"

namespace resmon::lineproto {

inline constexpr std::size_t kMostKeyBytes = 65'535;

// A field as it stands in the line.
struct RawField {
  std::string_view name;  // escapes not undone
  metric::FieldType type = metric::FieldType::kFloat;
  metric::Cell cell = 0;  // unused for strings
  std::string_view text;  // of a string: between the quotes, escapes not undone
};

struct RawLine {
  std::string_view key;  // measurement and tags; not checked by parse_line
  std::vector<RawField> fields;
  bool has_time = false;
  std::int64_t time = 0;  // in nanoseconds
};

// Takes `line` (no line feed, no leading blanks, not a comment) apart. True when all is well but perhaps the key, which
// a caller that has seen the same key before need not check again; otherwise `error` says why.
bool parse_line(std::string_view line, Precision precision, RawLine& out, std::string& error);

struct RawKey {
  std::string_view measurement;
  std::vector<std::pair<std::string_view, std::string_view>> tags;
};

// Takes measurement and tags apart. `complete` when a space followed: otherwise the fields are missing, which is an
// error when nothing else is wrong.
bool parse_key(std::string_view key, bool complete, RawKey& out, std::string& error);

// Undo escapes. `out` is replaced.
void unescape_measurement(std::string_view raw, std::string& out);
void unescape_key(std::string_view raw, std::string& out);   // tag keys and values, field names
void unescape_text(std::string_view raw, std::string& out);  // string values

}  // namespace resmon::lineproto
