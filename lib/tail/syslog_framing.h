#pragma once

// Bytes of a stream socket to messages, as senders of syslog and of plain lines frame them (RFC 6587). No I/O.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "tail/splitter.h"

namespace resmon::tail {

// What must be remembered between two pieces of one stream.
struct FrameState {
  SplitState split;
  std::uint64_t skip_bytes = 0;  // of a counted message whose beginning was an event already
};

// Removes the first message from the front of `bytes`; nothing when more bytes are needed to know its end. A message is
// either "LENGTH <PRI>…" (octet counting) or text up to a newline; a message that begins with '<' also ends at a NUL,
// as the C library writes it. Messages over options.max_bytes are cut there, and their rest is skipped. `end`: the
// stream has ended. Linear in the bytes that it removes, and in max_bytes for a message that is not finished.
std::optional<Event> next_message(std::string_view& bytes, bool end, const SplitOptions& options, FrameState& state);

// A datagram without the length that some senders put before it there, too.
std::string_view without_count(std::string_view message);

}  // namespace resmon::tail
