#include "tail/splitter.h"

#include <algorithm>
#include <cstring>

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
    if (from >= bytes.size() || next > options.max_bytes || !options.continues(bytes.substr(from, next - from)))
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

}  // namespace

bool continues_by_indentation(std::string_view line) {
  if (line.empty()) return false;
  return names_a_thrown_class(line) || line.front() == ' ' || line.front() == '\t' || line.starts_with("Caused by: ") ||
         line.starts_with("Suppressed: ");
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
  const Event event{without_return(bytes.substr(0, end)), false};
  bytes.remove_prefix(std::min(end + 1, bytes.size()));
  return event;
}

}  // namespace resmon::tail
