// Queries for log lines. A query that can be parsed must answer for any line and block, and what a block's
// names, levels and filter tell must hold for its lines.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "logs/query.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace resmon;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto query = logs::Query::parse(text);
  if (!query) {
    if (query.error().message.empty()) std::abort();
    return 0;
  }
  // The text itself is a line, too.
  const logline::Field fields[] = {{"user", text}, {"status", "404"}};
  logline::Line line;
  line.message = text;
  line.unit = "sshd.service";
  line.level = logline::Level::kError;
  line.fields = fields;
  std::string columns;
  const logs::BlockInfo block = logs::encode_block("web1", "system", {&line, 1}, 1, columns);
  std::string_view filter_bytes = columns;
  filter_bytes.remove_prefix(filter_bytes.size() - block.column_bytes[logs::kFilter]);
  const logs::WordFilter filter(filter_bytes);
  const bool matches = query->matches("web1", "system", line);
  const logs::Match told = query->matches(block, &filter);
  if (matches && told == logs::Match::kNone) std::abort();
  if (!matches && told == logs::Match::kAll) std::abort();
  return 0;
}
