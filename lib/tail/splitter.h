#pragma once

// Bytes of a log to events. An event is one line, or several that belong together, such as a stack trace. No I/O.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

namespace resmon::tail {

struct Event {
  std::string_view text;  // without the end of the last line; inner lines are divided by \n
  bool cut = false;       // longer than the limit: the rest is skipped
};

// Whether `line` continues the `event` before it, which may have several lines.
using Continues = std::function<bool(std::string_view event, std::string_view line)>;

struct SplitOptions {
  std::size_t max_bytes = 64U << 10U;  // of one event
  Continues continues;                 // none: no line does
};

// Stack traces of Java, Python and Go belong to the line before them, or are one event if they have none:
//   - indented lines;
//   - the lines of these traces that are not indented: "Caused by:", "Suppressed:", a Java class with its package that
//     ends in Exception, Error or Throwable; "goroutine 1 [running]:" and the function below; below a line that begins
//     with a time or a level, "Traceback (most recent call last):" and what divides two of them;
//   - behind an indented line of an event that begins with a time, a level or a trace, a line that begins with neither
//     time nor level, such as Python's "ValueError: text";
//   - one empty line between two lines of an event that begins with a time, a level or a trace.
bool continues_by_indentation(std::string_view event, std::string_view line);

// The state between two pieces of one log.
struct SplitState {
  bool skipping = false;            // inside a line whose beginning was an event already
  std::uint64_t skipped_bytes = 0;  // of long lines, in all
};

// Removes the first event from the front of `bytes`. Nothing when more bytes are needed to know its end: then `bytes`
// begins with the unfinished event. `flush`: nothing more is waited for. Linear in the bytes that it removes, and in
// max_bytes for an event that is not finished.
std::optional<Event> next_event(std::string_view& bytes, bool flush, const SplitOptions& options, SplitState& state);

}  // namespace resmon::tail
