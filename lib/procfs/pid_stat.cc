#include "procfs/pid_stat.h"

#include <cstring>

#include "procfs/scan.h"

namespace resmon::procfs {

namespace {

// The columns from the parent's number on. False when one that is wanted is missing or no number; the others are there.
bool parse_usage(Fields& fields, std::uint64_t& threads, PidUsage& usage) {
  Number number_of_threads;
  // In order: nullptr is a column that is not wanted, some of which are negative.
  Number* const columns[] = {&usage.parent_id,
                             nullptr,
                             nullptr,
                             nullptr,
                             nullptr,
                             &usage.flags,
                             &usage.minor_faults,
                             nullptr,
                             &usage.major_faults,
                             nullptr,
                             &usage.user_ticks,
                             &usage.system_ticks,
                             &usage.children_user_ticks,
                             &usage.children_system_ticks,
                             nullptr,
                             nullptr,
                             &number_of_threads,
                             nullptr,
                             &usage.start_ticks,
                             nullptr,
                             &usage.resident_pages};
  bool whole = true;
  std::string_view word;
  for (Number* const column : columns) {
    if (column == nullptr)
      fields.word(word);
    else
      whole = fields.take(*column) && whole;
  }
  threads = number_of_threads.value_or(0);
  return whole;
}

// A process has at least one thread, but for one that is just ending: its last is gone before its directory is.
bool possible_threads(const PidStat& stat) {
  const bool ending = stat.state == 'X' || stat.state == 'x' || stat.state == 'Z';
  return stat.threads <= kMostThreads && (stat.threads != 0 || ending);
}

}  // namespace

Status parse_pid_stat(std::string_view text, PidStat& out, Skipped& skipped, PidUsage* usage) {
  out = {};
  const auto bad = [&](std::string_view reason) -> Unexpected<Error> {
    skipped.add(1, text.empty() ? "empty" : reason, text);
    return nothing_of_use(skipped, "");
  };
  while (!text.empty() && (text.back() == '\n' || text.back() == '\0')) text.remove_suffix(1);
  const std::size_t open = text.find('(');
  // Read a hundred times a gather, so the two searches were half of the client's own work: rfind looks at one byte at a
  // time and begins at the far end of a long line.
  const void* found = text.empty() ? nullptr : ::memrchr(text.data(), ')', text.size());
  const std::size_t close = found == nullptr ? std::string_view::npos
                                             : static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
  if (open == std::string_view::npos || close == std::string_view::npos || close < open)
    return bad("no name in parentheses");
  out.name = text.substr(open + 1, close - open - 1);
  Fields fields(text.substr(close + 1));
  std::string_view word;
  if (!fields.word(word) || word.size() != 1) return bad("no state");
  out.state = word[0];
  if (usage != nullptr) {
    *usage = {};
    if (!parse_usage(fields, out.threads, *usage)) skipped.add(1, "not a number", text);
    if (possible_threads(out)) return {};
  } else {
    // The kernel puts one blank between two columns, so counting blanks is counting columns.
    std::string_view rest = fields.rest();
    const char* p = rest.data();
    const char* const end = p + rest.size();
    int blanks = 0;
    while (p != end && blanks < 17) blanks += *p++ == ' ' ? 1 : 0;
    Fields threads(rest.substr(static_cast<std::size_t>(p - rest.data())));
    if (blanks == 17 && threads.number(out.threads) && possible_threads(out)) return {};
  }
  out.threads = 0;
  if (skipped.lines() == 0) skipped.add(1, "no number of threads", text);
  return {};
}

}  // namespace resmon::procfs
