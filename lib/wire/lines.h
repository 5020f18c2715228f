#pragma once

// LINES: encoded log lines (lib/logline) with their sequence number, compressed with what the connection carried before
// as prefix. docs/wire_format.md is the specification. An encoder or decoder lives as long as one connection. No I/O.
// Not thread-safe.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "wire/frame.h"

namespace resmon::wire {

inline constexpr std::size_t kLinesPrefixBytes = 64U << 10U;
inline constexpr std::size_t kMaxLinesBytes = 4U << 20U;  // of a body after decompression
inline constexpr std::size_t kMostLinesHeadBytes = 10 + 1;

class LinesEncoder {
 public:
  // Appends one LINES frame and returns the size of its payload. What was encoded must be sent: later frames build on
  // it. REQUIRES: body.size() <= kMaxLinesBytes.
  std::size_t encode(std::uint64_t sequence, std::string_view body, std::string& out);

 private:
  std::string prefix_;
};

class LinesDecoder {
 public:
  struct Lines {
    std::uint64_t sequence = 0;
    std::string_view body;  // valid until the next call, and no longer than the payload
  };
  Result<Lines> decode(std::string_view payload);

 private:
  std::string prefix_;
  std::string body_;
};

}  // namespace resmon::wire
