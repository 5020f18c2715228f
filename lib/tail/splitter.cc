#include "tail/splitter.h"

#include <algorithm>
#include <cstring>
#include <initializer_list>

#include "logline/line.h"

namespace resmon::tail {

namespace {

constexpr auto kNone = std::string_view::npos;

std::string_view without_return(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

// The end of the event that begins with a line of `first` bytes, by the lines behind it; kNone: not known yet.
std::size_t end_of_event(std::string_view bytes, std::size_t first, bool flush, const SplitOptions& options) {
  std::size_t end = first;
  while (true) {
    const std::size_t from = end + 1;
    const std::size_t newline = bytes.find('\n', from);
    if (newline == kNone && !flush) {
      // A line this long ends the event, whatever it begins with.
      return bytes.size() - first > options.max_bytes ? end : kNone;
    }
    const std::size_t next = std::min(newline, bytes.size());
    if (from >= bytes.size() || next > options.max_bytes ||
        !options.continues(bytes.substr(0, end), bytes.substr(from, next - from)))
      return end;
    end = next;
    if (newline == kNone) return end;
  }
}

// The line that Java prints below the logger's line: "org.example.PoolException: text", or the name alone.
bool names_a_thrown_class(std::string_view line) {
  const auto in_name = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$' ||
           c == '.';
  };
  const auto end = static_cast<std::size_t>(std::find_if_not(line.begin(), line.end(), in_name) - line.begin());
  const std::string_view name = line.substr(0, end);
  const std::string_view rest = without_return(line.substr(end));
  if (name.find('.') == kNone || !(rest.empty() || rest.starts_with(": "))) return false;
  return name.ends_with("Exception") || name.ends_with("Error") || name.ends_with("Throwable");
}

bool plain_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool plain_digit(char c) {
  return c >= '0' && c <= '9';
}

// Hours and minutes near the beginning, with nothing before them but numbers, signs, and names of days and months.
bool begins_with_time(std::string_view line) {
  constexpr std::size_t kFurthest = 32;
  std::size_t letters = 0;
  for (std::size_t i = 0; i < std::min(line.size(), kFurthest); ++i) {
    letters = plain_letter(line[i]) ? letters + 1 : 0;
    if (letters > 3 || static_cast<unsigned char>(line[i]) < ' ') return false;
    const std::string_view rest = line.substr(i);
    if (rest.size() >= 5 && plain_digit(rest[0]) && plain_digit(rest[1]) && rest[2] == ':' && plain_digit(rest[3]) &&
        plain_digit(rest[4]))
      return true;
  }
  return false;
}

// "ERROR text", "[WARN] text", "INFO:root:text".
bool begins_with_level(std::string_view line) {
  if (line.starts_with('[') || line.starts_with('<')) line.remove_prefix(1);
  std::size_t end = 0;
  while (end < line.size() && line[end] >= 'A' && line[end] <= 'Z') ++end;
  if (end < 3 || (end < line.size() && (plain_letter(line[end]) || plain_digit(line[end]) || line[end] == '_')))
    return false;
  return logline::parse_level(line.substr(0, end)) != logline::Level::kNone;
}

bool begins_with_any(std::string_view line, std::initializer_list<std::string_view> beginnings) {
  return std::any_of(beginnings.begin(), beginnings.end(),
                     [line](std::string_view one) { return line.starts_with(one); });
}

// A line that a logger wrote, not a trace.
bool begins_an_entry(std::string_view line) {
  return line.starts_with('{') || begins_with_time(line) || begins_with_level(line) ||
         begins_with_any(line, {"time=", "ts=", "timestamp=", "level="});
}

bool begins_python_trace(std::string_view line) {
  return line.starts_with("Traceback (most recent call last):");
}

// What Go prints between a panic and its stack.
bool belongs_to_panic(std::string_view line) {
  return begins_with_any(line, {"goroutine ", "[signal "});
}

bool divides_python_traces(std::string_view line) {
  return begins_with_any(line, {"During handling of the above exception, another exception occurred:",
                                "The above exception was the direct cause of the following exception:"});
}

}  // namespace

bool continues_by_indentation(std::string_view event, std::string_view line) {
  constexpr std::size_t kBeginning = 64;
  line = without_return(line);
  const std::size_t last_at = event.rfind('\n');
  const std::string_view last = without_return(last_at == kNone ? event : event.substr(last_at + 1));
  const std::string_view first = event.substr(0, kBeginning);
  const bool trace = begins_python_trace(first) || begins_with_any(first, {"panic: ", "fatal error: ", "goroutine "});
  const bool entry = begins_an_entry(first);
  if (line.empty()) return !last.empty() && (trace || entry);
  const bool indented = line.front() == ' ' || line.front() == '\t';
  if (indented || names_a_thrown_class(line) || begins_with_any(line, {"Caused by: ", "Suppressed: "})) return true;
  if (begins_python_trace(line)) return entry || divides_python_traces(last) || (last.empty() && trace);
  if (divides_python_traces(line) || belongs_to_panic(line)) return trace || entry;
  if (last.empty() || begins_an_entry(line)) return false;
  const bool last_indented = last.front() == ' ' || last.front() == '\t';
  return (trace || entry) && (last_indented || last.starts_with("goroutine "));
}

std::optional<Event> next_event(std::string_view& bytes, bool flush, const SplitOptions& options, SplitState& state) {
  if (state.skipping) {
    const std::size_t newline = bytes.find('\n');
    state.skipped_bytes += std::min(newline, bytes.size());
    if (newline == kNone) {
      bytes = {};
      return std::nullopt;
    }
    bytes.remove_prefix(newline + 1);
    state.skipping = false;
  }
  if (bytes.empty()) return std::nullopt;
  const std::size_t newline = bytes.find('\n');
  const std::size_t length = std::min(newline, bytes.size());
  if (length > options.max_bytes) {
    const Event event{bytes.substr(0, options.max_bytes), true};
    if (newline == kNone) {
      state.skipping = true;
      bytes.remove_prefix(options.max_bytes);
    } else {
      state.skipped_bytes += length - options.max_bytes;
      bytes.remove_prefix(newline + 1);
    }
    return event;
  }
  if (newline == kNone && !flush) return std::nullopt;
  std::size_t end = length;
  if (newline != kNone && options.continues) {
    end = end_of_event(bytes, length, flush, options);
    if (end == kNone) return std::nullopt;
  }
  Event event{without_return(bytes.substr(0, end)), false};
  // Empty lines behind a trace are no part of it.
  while (event.text.size() > length && event.text.ends_with('\n'))
    event.text = without_return(event.text.substr(0, event.text.size() - 1));
  bytes.remove_prefix(std::min(end + 1, bytes.size()));
  return event;
}

}  // namespace resmon::tail
