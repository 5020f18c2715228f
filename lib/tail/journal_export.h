#pragma once

// systemd's journal export format (https://systemd.io/JOURNAL_EXPORT_FORMATS). No I/O; linear.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "logline/line.h"

namespace resmon::tail {

struct JournalEntry {
  std::string_view cursor;
  logline::Line line;  // its fields are in `fields`
  std::vector<logline::Field> fields;
};

// Removes the first entry from the front of `bytes`; nothing when more bytes are needed. The views are of `bytes`. What
// is malformed costs its entry: `malformed` is set, and the bytes up to the next empty line are removed.
std::optional<JournalEntry> next_journal_entry(std::string_view& bytes, bool& malformed);

}  // namespace resmon::tail
