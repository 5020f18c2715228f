#pragma once

// What a server asks of a client that is connected, because somebody looks at it now: ASK, and the client's ANSWER. A
// side that does not know these frames skips them. docs/wire_format.md is the specification.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "wire/frame.h"

namespace resmon::wire {

inline constexpr auto kAskFrame = static_cast<FrameType>(12);     // by the server
inline constexpr auto kAnswerFrame = static_cast<FrameType>(13);  // by the client
inline constexpr std::string_view kAskProcesses = "processes";    // all there is to ask for

struct Ask {
  std::uint64_t id = 0;  // comes back in ANSWER
  std::string what;
};

struct ProcessRow {
  std::uint64_t id = 0;
  char state = '?';  // as in /proc/PID/stat
  std::string user;
  std::string name;
  std::string command_line;  // empty where the client does not send it
  std::string service;
  std::string container;
  std::uint64_t cpu_hundredths = 0;  // of a percent of one core
  std::uint64_t resident_bytes = 0;
  std::optional<std::uint64_t> read_bytes_per_second;  // empty: not to be read by the client
  std::optional<std::uint64_t> written_bytes_per_second;
  std::uint64_t threads = 0;
  std::uint64_t age_seconds = 0;
};

struct ProcessList {
  std::uint64_t id = 0;
  std::string refusal;      // why there is no list; for people. Empty: there is one
  std::uint64_t total = 0;  // how many processes the machine has
  std::vector<ProcessRow> rows;
};

inline constexpr std::size_t kMostProcessRows = 8192;

void encode(const Ask& message, std::string& out);
// As many rows as fit a frame of `max_frame_bytes`.
void encode(const ProcessList& message, std::size_t max_frame_bytes, std::string& out);
Result<Ask> decode_ask(std::string_view payload);
Result<ProcessList> decode_process_list(std::string_view payload);

}  // namespace resmon::wire
