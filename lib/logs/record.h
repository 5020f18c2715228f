#pragma once

// One record of the journal of lines: one frame of a client as it was received, with its stream and sequence number for
// a restart.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "logline/line.h"

namespace resmon::logs {

struct Record {
  UnixNanos received = 0;
  logline::Taker::Stream stream{};
  std::uint64_t sequence = 0;  // of the stream; 0: nobody numbered it
  std::string_view host;
  std::string_view lines;  // logline::encode
  // With the first record of a segment: the last sequence number of every stream.
  std::vector<std::pair<logline::Taker::Stream, std::uint64_t>> marks;
};

void encode_record(const Record& record, std::string& out);
// The views are into `bytes`. kDamaged: it is none.
Result<Record> decode_record(std::string_view bytes);

}  // namespace resmon::logs
