#include "procfs/pid_stat.h"

#include <cstring>

#include "procfs/scan.h"

namespace resmon::procfs {

Status parse_pid_stat(std::string_view text, PidStat& out) {
  if (text.empty() || text.back() != '\n') return fail(malformed("cut off"));
  const std::size_t open = text.find('(');
  // Read a hundred times a gather, so the two searches were half of the client's own work: rfind looks at one byte at a
  // time and begins at the far end of a long line.
  const void* found = ::memrchr(text.data(), ')', text.size());
  const std::size_t close = found == nullptr ? std::string_view::npos
                                             : static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
  if (open == std::string_view::npos || close == std::string_view::npos || close < open)
    return fail(malformed("no name in parentheses: " + quoted(text)));
  out.name = text.substr(open + 1, close - open - 1);
  Fields fields(text.substr(close + 1, text.size() - close - 2));
  std::string_view word;
  if (!fields.word(word) || word.size() != 1) return fail(malformed("no state: " + quoted(text)));
  out.state = word[0];
  // The kernel puts one blank between two columns, so counting blanks is counting columns.
  std::string_view rest = fields.rest();
  const char* p = rest.data();
  const char* const end = p + rest.size();
  int blanks = 0;
  while (p != end && blanks < 17) blanks += *p++ == ' ' ? 1 : 0;
  if (blanks < 17) return fail(malformed("fewer than 20 columns: " + quoted(text)));
  Fields threads(rest.substr(static_cast<std::size_t>(p - rest.data())));
  if (!threads.number(out.threads)) return fail(malformed("no number of threads: " + quoted(text)));
  return {};
}

}  // namespace resmon::procfs
