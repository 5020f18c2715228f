#include "tail/syslog_framing.h"

#include <algorithm>

namespace resmon::tail {

namespace {

constexpr std::size_t kMostDigits = 7;
constexpr auto kNowhere = std::string_view::npos;

struct Count {
  enum class Kind { kNoCount, kUnfinished, kFound } kind = Kind::kNoCount;
  std::size_t head = 0;  // digits and the space
  std::size_t length = 0;
};

// "LENGTH <": a number alone is the beginning of a line.
Count read_count(std::string_view bytes) {
  Count out;
  if (bytes.empty() || bytes.front() < '1' || bytes.front() > '9') return out;
  std::size_t at = 0;
  while (at < bytes.size() && at <= kMostDigits && bytes[at] >= '0' && bytes[at] <= '9')
    out.length = out.length * 10 + static_cast<std::size_t>(bytes[at++] - '0');
  if (at > kMostDigits) return out;
  if (at == bytes.size() || (bytes[at] == ' ' && at + 1 == bytes.size())) {
    out.kind = Count::Kind::kUnfinished;
  } else if (bytes[at] == ' ' && bytes[at + 1] == '<') {
    out.kind = Count::Kind::kFound;
    out.head = at + 1;
  }
  return out;
}

std::string_view without_line_end(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

std::optional<Event> counted(std::string_view& bytes, const Count& count, bool end, std::size_t most,
                             FrameState& state) {
  const std::string_view body = bytes.substr(count.head);
  if (body.size() < std::min(count.length, most) && !end) return std::nullopt;
  const std::size_t taken = std::min(count.length, body.size());
  const bool cut = count.length > most;
  const Event event{without_line_end(body.substr(0, std::min(taken, most))), cut};
  state.skip_bytes = count.length - taken;
  if (cut) state.split.skipped_bytes += count.length - most;
  bytes.remove_prefix(count.head + taken);
  return event;
}

}  // namespace

std::optional<Event> next_message(std::string_view& bytes, bool end, const SplitOptions& options, FrameState& state) {
  const std::size_t skipped = std::min<std::uint64_t>(state.skip_bytes, bytes.size());
  bytes.remove_prefix(skipped);
  state.skip_bytes -= skipped;
  // Behind a newline that a NUL follows.
  while (!state.split.skipping && !bytes.empty() && bytes.front() == '\0') bytes.remove_prefix(1);
  if (bytes.empty()) return std::nullopt;
  if (!state.split.skipping) {
    const Count count = read_count(bytes);
    if (count.kind == Count::Kind::kFound) return counted(bytes, count, end, options.max_bytes, state);
    if (count.kind == Count::Kind::kUnfinished && !end) return std::nullopt;
    if (bytes.front() == '<') {
      const std::size_t stop = bytes.substr(0, options.max_bytes + 1).find_first_of(std::string_view("\n\0", 2));
      if (stop != kNowhere && bytes[stop] == '\0') {
        const Event event{without_line_end(bytes.substr(0, stop)), false};
        bytes.remove_prefix(stop + 1);
        return event;
      }
    }
  }
  return next_event(bytes, end, options, state.split);
}

std::string_view without_count(std::string_view message) {
  const Count count = read_count(message);
  return count.kind == Count::Kind::kFound ? message.substr(count.head) : message;
}

}  // namespace resmon::tail
