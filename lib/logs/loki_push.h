#pragma once

// Loki's push in protobuf (push.proto), taken out of its Snappy. No I/O.

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace resmon::logs {

using LokiLabels = std::vector<std::pair<std::string, std::string>>;

struct LokiEntry {
  UnixNanos time = 0;
  std::string_view line;
  std::vector<std::pair<std::string_view, std::string_view>> metadata;
};

// `{name="value", other=`raw`}` as Prometheus and Go write it. kInvalid names the character.
Result<LokiLabels> parse_loki_labels(std::string_view text);

// Calls `take` for each entry with the labels of its stream. kInvalid names the stream; an error of `take` ends it.
Status read_loki_push(std::string_view message, const std::function<Status(const LokiLabels&, const LokiEntry&)>& take);

}  // namespace resmon::logs
